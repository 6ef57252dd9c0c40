"""Housekeeping alone, as arq's own command runs it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.helpers.processes import ROOT, clean_environment
from worker.embedded.orphans import dying_with_parent
from worker.embedded.process import free_port
from worker.housekeeping.standalone import redis_settings

COMMAND = (sys.executable, "-m", "arq", "worker.housekeeping.WorkerSettings")

Start = Callable[[dict[str, str]], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Hand out a starter of arq's command; all are killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (tmp_path / "log").open("wb") as out:
            started.append(
                subprocess.Popen(
                    COMMAND,
                    cwd=ROOT,
                    env=clean_environment(environment),
                    stdout=out,
                    stderr=out,
                    preexec_fn=dying_with_parent(),  # noqa: PLW1509 - see worker/embedded/orphans.py
                )
            )
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def shows(port: int, sample: bytes) -> bool:
    """Tell whether a figure is on the page of metrics."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return b"\n" + sample in answer.read()
    except OSError:
        return False


@pytest.mark.unguarded_keyspace  # arq keeps its queue outside the keyspace
async def test_arqs_own_command_does_the_chores_and_shows_the_figures(
    redis: redis_asyncio.Redis, redis_url: str, start: Start
) -> None:
    port = free_port()
    await redis.xadd(ShardKeys("shop", 0).dead, {"reason": "malformed"})
    process = start(
        {
            "SWARMLINE_REDIS_URL": redis_url,
            "SWARMLINE_NAMESPACE": "shop",
            "SWARMLINE_SHARDS": "2",
            "SWARMLINE_METRICS_PORT": str(port),
        }
    )
    await eventually(lambda: shows(port, b"swarmline_dead_letters 1.0") or process.poll() is not None, within_s=30)
    assert process.poll() is None
    process.terminate()
    await eventually(lambda: process.poll() is not None, within_s=20)
    assert process.returncode == 0


async def test_arqs_own_command_outlasts_an_outage_and_ends_in_one_when_it_is_told_to(
    start_server: StartServer, start: Start
) -> None:
    server, port = start_server(tcp=True), free_port()
    process = start({"SWARMLINE_REDIS_URL": server.url, "SWARMLINE_METRICS_PORT": str(port)})
    await eventually(lambda: shows(port, b"swarmline_redis_up 1.0"), within_s=30)
    server.kill()
    await eventually(lambda: shows(port, b"swarmline_redis_up 0.0"), within_s=30)
    server.start()
    async with redis_asyncio.Redis.from_url(server.url) as redis:
        await eventually(lambda: redis.keys("arq:in-progress:swarmline:sweep_expired_sessions:*"), within_s=30)
    assert process.poll() is None
    server.kill()
    await eventually(lambda: shows(port, b"swarmline_redis_up 0.0"), within_s=30)
    process.terminate()
    await eventually(lambda: process.poll() is not None, within_s=20)


async def test_arqs_own_command_does_not_wait_for_a_redis_that_was_never_there(start: Start) -> None:
    process = start({"SWARMLINE_REDIS_URL": f"redis://127.0.0.1:{free_port()}", "SWARMLINE_METRICS_PORT": "-1"})
    await eventually(lambda: process.poll() is not None, within_s=20)
    assert process.returncode == 1


async def test_on_a_node_of_a_cluster_it_says_what_to_set(
    tmp_path: Path, start_server: StartServer, start: Start
) -> None:
    node = start_server(options=("--cluster-enabled", "yes"))
    process = start({"SWARMLINE_REDIS_URL": node.url, "SWARMLINE_METRICS_PORT": "-1"})
    await eventually(lambda: process.poll() is not None, within_s=30)
    assert "SWARMLINE_ARQ_REDIS_URL" in (tmp_path / "log").read_text()


def test_importing_the_package_reads_no_environment() -> None:
    environment = clean_environment({"SWARMLINE_SHARDS": "none"})
    code = "import worker.housekeeping, worker.housekeeping.chores"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)


def test_a_password_with_odd_characters_reaches_arq_decoded() -> None:
    settings = redis_settings("rediss://us%40er:p%2Fw%3A@h:7/3")
    assert (settings.username, settings.password) == ("us@er", "p/w:")
    assert (settings.host, settings.port, settings.database, settings.ssl) == ("h", 7, 3, True)


def test_a_socket_with_odd_characters_in_its_path_reaches_arq_decoded() -> None:
    assert redis_settings("unix:///run/a%20%C3%A9/s").unix_socket_path == "/run/a é/s"
