"""The embedded server is private, empty, and never outlives the process that started it."""

import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import redis as redis_py
from redis.exceptions import AuthenticationError

from tests.helpers.eventually import eventually_sync
from tests.helpers.processes import ROOT, clean_environment
from worker.embedded import EmbeddedServer, PersistDirectoryBusyError, ServerNotFoundError
from worker.embedded.binary import candidate_binaries, wheel_binary

START_AND_HANG = """
import signal
from worker.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
print(server.pid, flush=True)
signal.pause()
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_its_socket_is_in_a_directory_that_only_the_owner_enters() -> None:
    with EmbeddedServer() as server:
        directory = Path(server.url.removeprefix("unix://")).parent
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not directory.exists()


def test_it_never_evicts_and_writes_nothing_to_disk() -> None:
    with EmbeddedServer() as server, redis_py.Redis.from_url(server.url, decode_responses=True) as client:
        found = client.config_get("maxmemory-policy", "save", "appendonly")
    assert found == {"maxmemory-policy": "noeviction", "save": "", "appendonly": "no"}


def test_a_loopback_port_needs_its_password() -> None:
    with EmbeddedServer(tcp=True) as server:
        _, _, address = server.url.partition("@")
        with redis_py.Redis.from_url(f"redis://{address}") as stranger, pytest.raises(AuthenticationError):
            stranger.get("k")
        with redis_py.Redis.from_url(server.url) as owner:
            assert owner.ping()


@pytest.mark.parametrize(("prefix", "scheme"), [("x" * 100, "redis:"), ("a%41 é?#", "unix:")])
def test_it_starts_wherever_temporary_files_are_kept(prefix: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix=prefix) as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        with EmbeddedServer() as server, redis_py.Redis.from_url(server.url) as client:
            assert server.url.startswith(scheme)
            assert client.ping()
        assert list(Path(directory).iterdir()) == []


def test_the_password_is_not_on_the_command_line() -> None:
    with EmbeddedServer(tcp=True) as server:
        password = server.url.partition("redis://:")[2].partition("@")[0]
        command_line = Path(f"/proc/{server.pid}/cmdline").read_text()
    assert password
    assert password not in command_line


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux only")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_a_parent_that_is_killed(ending: signal.Signals, tmp_path: Path) -> None:
    # nobody is left to remove its files
    environment = clean_environment({"TMPDIR": str(tmp_path)})
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_HANG], stdout=subprocess.PIPE, cwd=ROOT, env=environment, text=True
    ) as parent:
        assert parent.stdout is not None
        server_pid = int(parent.stdout.readline())
        assert is_alive(server_pid)
        parent.send_signal(ending)
    eventually_sync(lambda: not is_alive(server_pid))


def test_persisted_data_survives_a_restart(tmp_path: Path) -> None:
    with EmbeddedServer(persist=tmp_path / "data") as server, redis_py.Redis.from_url(server.url) as client:
        client.set("k", "v")
        assert "everysec" in str(client.config_get("appendfsync"))
    with EmbeddedServer(persist=tmp_path / "data") as server, redis_py.Redis.from_url(server.url) as client:
        assert client.get("k") == b"v"


def test_two_servers_never_share_a_directory(tmp_path: Path) -> None:
    with EmbeddedServer(persist=tmp_path), pytest.raises(PersistDirectoryBusyError):
        EmbeddedServer(persist=tmp_path).start()


def test_it_falls_back_to_the_wheel_where_no_server_is_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with EmbeddedServer() as server:
        assert server.binary == wheel_binary()
        assert server.binary.name == "valkey-server"


def test_it_takes_no_server_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.embedded.server.OLDEST_VERSION", (99, 0))
    assert candidate_binaries()
    with pytest.raises(ServerNotFoundError):
        EmbeddedServer().start()


def test_without_any_server_it_says_how_to_install_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.embedded.server.candidate_binaries", list)
    with pytest.raises(ServerNotFoundError) as caught:
        EmbeddedServer().start()
    for line in ("pip install 'swarmline[embedded]'", "apt-get install redis-server", "brew install redis"):
        assert line in str(caught.value)
