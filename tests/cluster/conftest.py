"""A cluster of three nodes and two workers on it, for every test that does not harm them."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Protocol

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire
from tests.helpers.cluster import Cluster
from tests.helpers.eventually import eventually_sync
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.server import Server
from worker.simulate import keyspace as keyspace_guard

APP = "tests.acceptance.app:app"
#: so many that each of the three nodes has one at least
SHARDS = 4


class StartWorker(Protocol):
    """Start a worker of the test's own on any cluster."""

    def __call__(self, cluster: Cluster, **environment: str) -> SwarmlineProcess: ...


@dataclass(frozen=True)
class House:
    """A cluster, a single server for housekeeping, and two workers that serve."""

    cluster: Cluster
    books: Server
    environment: Mapping[str, str]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Run the cluster of this test process."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def house(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run two workers on the cluster, for all tests of this test process."""
    directory = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        books = stack.enter_context(Server())
        environment = worker_environment(cluster) | Backstage(directory).environment
        environment |= {"SWARMLINE_ARQ_REDIS_URL": books.url, "SWARMLINE_SWEEP_INTERVAL_S": "1"}
        workers = [
            SwarmlineProcess("worker", "--app", APP, directory=directory / str(number), environment=environment)
            for number in range(2)
        ]
        for worker in workers:
            stack.callback(worker.kill)
        eventually_sync(lambda: all(_serves(worker) for worker in workers), within_s=50)
        yield House(cluster, books, environment)


def worker_environment(cluster: Cluster) -> dict[str, str]:
    """Return the settings of a worker on a cluster."""
    settings = {"REDIS_URL": cluster.url, "SHARDS": str(SHARDS), "METRICS_PORT": "-1"}
    return {f"SWARMLINE_{name}": value for name, value in settings.items()}


def _serves(worker: SwarmlineProcess) -> bool:
    assert worker.is_running(), worker.stderr
    return "READY" in worker.stdout


@pytest.fixture
async def wires(house: House) -> AsyncIterator[list[Wire]]:
    """Hand out a wire to the node of each shard; afterwards every key must have its place in the keyspace."""
    async with AsyncExitStack() as stack:
        shards = [ShardKeys("swarmline", shard) for shard in range(SHARDS)]
        urls = [house.cluster.node_of(keys).server.url for keys in shards]
        clients = [await stack.enter_async_context(redis_asyncio.Redis.from_url(url)) for url in urls]
        yield [Wire(client, shard=shard) for shard, client in enumerate(clients)]
    for url in set(urls):
        assert keyspace_guard.faults(keyspace_guard.inspector(url)) == []


@pytest.fixture
def start_worker(start_swarmline: Callable[..., SwarmlineProcess]) -> StartWorker:
    """Hand out a starter of workers without housekeeping."""

    def start(cluster: Cluster, **environment: str) -> SwarmlineProcess:
        settings = worker_environment(cluster) | {"SWARMLINE_HOUSEKEEPING": "false"} | environment
        return start_swarmline("worker", "--app", APP, **settings)

    return start


def client_of(shard: int, name: str) -> str:
    """Return the id of a client that this shard serves."""
    ids = (f"{name}-{number}" for number in range(1000))
    return next(client_id for client_id in ids if shard_of(client_id, SHARDS) == shard)
