"""A house with two workers for every test that does not harm it, and starters for those that do."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol
from uuid import uuid4

import pytest
import redis as redis_py
import redis.asyncio as redis_asyncio

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire
from tests.helpers.eventually import eventually_sync
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.roles import Roles, users_file
from tests.helpers.server import Server
from worker.simulate import keyspace as keyspace_guard

APP = "tests.acceptance.app:app"
#: arq keeps its own books
OF_ARQ = re.compile(r"[A-Za-z0-9_.-]+:arq\b")


class StartWorker(Protocol):
    """Start a worker of the test's own on the test's own server; arguments as for the command."""

    def __call__(self, *arguments: str, **environment: str) -> SwarmlineProcess: ...


@pytest.fixture(scope="session")
def backstage(tmp_path_factory: pytest.TempPathFactory) -> Backstage:
    """Return where tests and agents meet."""
    return Backstage(tmp_path_factory.mktemp("backstage"))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, backstage: Backstage) -> Iterator[Server]:
    """Run a server and two workers, for all tests of this test process; the workers have the rights of their role."""
    directory = tmp_path_factory.mktemp("house")
    with Server(options=("--aclfile", str(users_file(directory)))) as server:
        roles = Roles(server)
        environment = backstage.environment | {"SWARMLINE_SWEEP_INTERVAL_S": "1"}
        environment |= {"SWARMLINE_REDIS_URL": roles.url("worker")}
        arguments = ("worker", "--app", APP, "--metrics-port", "-1")
        workers = [
            SwarmlineProcess(*arguments, directory=directory / str(number), environment=environment)
            for number in range(2)
        ]
        try:
            for worker in workers:
                _wait_until_ready(worker)
            yield server
        finally:
            for worker in workers:
                worker.kill()
        assert roles.refused() == []


def _wait_until_ready(worker: SwarmlineProcess) -> None:
    eventually_sync(lambda: "READY" in worker.stdout or not worker.is_running(), within_s=30)
    assert worker.is_running(), worker.stderr


@pytest.fixture
async def wire(house: Server) -> AsyncIterator[Wire]:
    """Hand out the wire to the house; afterwards every key in it must have its place in the keyspace."""
    redis = redis_asyncio.Redis.from_url(house.url)
    yield Wire(redis)
    await redis.aclose()
    with redis_py.Redis.from_url(house.url) as client:
        eventually_sync(lambda: _is_tidy(client), within_s=10)


def _is_tidy(client: "redis_py.Redis[bytes]") -> bool:
    faults = [fault for fault in keyspace_guard.faults(client) if not OF_ARQ.match(fault)]
    assert not faults, "\n".join(faults)
    return True


@pytest.fixture
def alice() -> str:
    """Return a client id that no other test uses."""
    return f"alice-{uuid4().hex[:12]}"


@pytest.fixture
def door() -> str:
    """Return a door that no other test uses."""
    return f"door-{uuid4().hex[:12]}"


@pytest.fixture
def start_worker(redis_url: str, backstage: Backstage, start_swarmline: Callable[..., SwarmlineProcess]) -> StartWorker:
    """Hand out a starter of workers on the server that this test has for itself."""

    def start(*arguments: str, **environment: str) -> SwarmlineProcess:
        command = ("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "-1", "--no-housekeeping")
        return start_swarmline(*command, *arguments, **(backstage.environment | environment))

    return start


@pytest.fixture
def own_wire(redis: redis_asyncio.Redis) -> Wire:
    """Hand out the wire to the server that this test has for itself."""
    return Wire(redis)
