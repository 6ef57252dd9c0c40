"""Fixtures of the fault tests: a server of each test's own, and workers with a short lease on it."""

from collections.abc import Callable
from typing import Protocol

import pytest

from tests.conftest import StartServer
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.server import Server

LEASE_S = 0.6


class StartWorker(Protocol):
    """Start a worker on the server of the test."""

    def __call__(self, *, module: str = "worker", mutant: str = "") -> SwarmlineProcess: ...


@pytest.fixture
def own_server(start_server: StartServer) -> Server:
    """Hand out a server that keeps what it confirmed, whatever happens to it."""
    return start_server(appendonly=True)


@pytest.fixture
def url(own_server: Server) -> str:
    """Return its address."""
    return own_server.url


@pytest.fixture
def start_worker(start_swarmline: Callable[..., SwarmlineProcess], url: str) -> StartWorker:
    """Hand out a starter of workers."""

    def start(*, module: str = "worker", mutant: str = "") -> SwarmlineProcess:
        seeded = (f"--mutant={mutant}",) if mutant else ()
        return start_swarmline(
            *seeded,
            *("worker", "--app", "tests.faults.app:app", "--redis-url", url, "--metrics-port", "-1"),
            module=module,
            SWARMLINE_LEASE_S=str(LEASE_S),
            SWARMLINE_LOG_TURNS="false",
        )

    return start
