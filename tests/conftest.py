"""One real server per test process, flushed before each test and inspected after it."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import redis as redis_py
import redis.asyncio as redis_asyncio
from hypothesis import settings

from tests.helpers.processes import SwarmlineProcess
from tests.helpers.server import Server
from worker.simulate import keyspace as keyspace_guard

# A shell that starts the tests in the background has them ignore SIGINT, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Shared machines stall for a second at any time: an example that was slow once is no fault.
settings.register_profile("swarmline", deadline=None)
settings.load_profile("swarmline")


class StartServer(Protocol):
    """Start a server of the test's own, to be killed, frozen or restarted; arguments as for `Server`."""

    def __call__(self, *, tcp: bool = False, appendonly: bool = False, options: tuple[str, ...] = ()) -> Server: ...


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """Run the server of this test process."""
    with Server() as server:
        yield server


@pytest.fixture
def server(shared_server: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Hand out the shared server, empty; afterwards every key must have its place in the keyspace."""
    with redis_py.Redis.from_url(shared_server.url) as client:
        client.flushall()
        yield shared_server
        if request.node.get_closest_marker("unguarded_keyspace") is None:
            faults = keyspace_guard.faults(client)
            assert not faults, "\n".join(faults)


@pytest.fixture
def redis_url(server: Server) -> str:
    """Return the address of the shared server."""
    return server.url


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[redis_asyncio.Redis]:
    """Hand out an async client of the shared server that returns bytes."""
    client = redis_asyncio.Redis.from_url(server.url)
    yield client
    await client.aclose()


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Hand out a starter of servers that belong to this test alone."""
    started: list[Server] = []

    def start(*, tcp: bool = False, appendonly: bool = False, options: tuple[str, ...] = ()) -> Server:
        started.append(Server(tcp=tcp, appendonly=appendonly, options=options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def start_swarmline(tmp_path: Path) -> Iterator[Callable[..., SwarmlineProcess]]:
    """Hand out a starter of `swarmline` commands: `start(*arguments, stdin="", **environment)`; killed at the end."""
    started: list[SwarmlineProcess] = []

    def start(*arguments: str, stdin: str = "", module: str = "worker", **environment: str) -> SwarmlineProcess:
        directory = tmp_path / f"swarmline-{len(started)}"
        started.append(
            SwarmlineProcess(*arguments, directory=directory, environment=environment, stdin=stdin, module=module)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
