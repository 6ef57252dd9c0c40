"""The producers of examples/producers need no package of ours: Node with ioredis, and a shell with redis-cli."""

import json
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.conftest import StartServer
from tests.helpers.npm import NODE, installed
from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment
from tests.helpers.server import Server

PRODUCERS = ROOT / "examples" / "producers"
ODD = 'What does "C:\\new" cost, in €?'


@pytest.fixture
def sh() -> list[str]:
    """Return the command of the shell producer."""
    if shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed (Debian: apt-get install redis-tools)")
    return ["sh", str(PRODUCERS / "producer.sh")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command of the Node producer."""
    return [str(NODE), str(installed(PRODUCERS, tmp_path_factory.mktemp("node")) / "producer.mjs")]


async def serving(
    start_server: StartServer, start_swarmline: Callable[..., SwarmlineProcess], *, shards: int = 1
) -> Server:
    """Start a server, and a worker whose agents answer by echo."""
    server = start_server(tcp=True)
    arguments = ("--app", "tests.acceptance.app:app", "--metrics-port", "-1", "--shards", str(shards))
    await start_swarmline("worker", *arguments, "--redis-url", server.url).ready()
    return server


def asked(command: list[str], server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment({"REDIS_URL": server.url})
    return subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("language", ["sh", "node"])
@pytest.mark.timeout(180)  # npm installs a package
async def test_a_foreign_producer_gets_its_answer(
    request: pytest.FixtureRequest,
    start_server: StartServer,
    start_swarmline: Callable[..., SwarmlineProcess],
    language: str,
) -> None:
    command = request.getfixturevalue(language)
    server = await serving(start_server, start_swarmline)
    ended = asked(command, server, "bob", "echo", ODD)
    assert ended.returncode == 0, ended.stderr
    reply = json.loads(ended.stdout)
    assert (reply["status"], reply["output"], reply["clientId"]) == ("completed", f"You said: {ODD}", "bob")


@pytest.mark.timeout(180)
async def test_node_finds_the_shard_of_its_client_and_tells_a_failure_by_its_exit_code(
    node: list[str], start_server: StartServer, start_swarmline: Callable[..., SwarmlineProcess]
) -> None:
    server = await serving(start_server, start_swarmline, shards=16)
    ended = asked(node, server, "клиент-7", "echo", "Hello")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["output"] == "You said: Hello"
    failed = asked(node, server, "alice", "nowhere", "Hello")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["error"]["code"] == "unknown_swarm"


@pytest.mark.parametrize("language", ["sh", "node"])
@pytest.mark.timeout(180)
def test_a_foreign_producer_says_how_it_is_used(request: pytest.FixtureRequest, language: str) -> None:
    command = request.getfixturevalue(language)
    ended = subprocess.run([*command, "alice"], env=clean_environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "CLIENT SWARM MESSAGE" in ended.stderr


@pytest.mark.timeout(180)
def test_node_says_that_redis_is_away_instead_of_breaking(node: list[str]) -> None:
    environment = clean_environment({"REDIS_URL": "redis://127.0.0.1:1", "PATIENCE_MS": "1500"})
    ended = subprocess.run(
        [*node, "alice", "echo", "Hello"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "no reply within 1.5 s" in ended.stderr
    assert "ECONNREFUSED" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
