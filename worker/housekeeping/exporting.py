"""The figures of the whole cluster from a process of their own: `swarmline exporter`."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Generator, Sequence
from uuid import uuid4

import structlog

from schemas.keyspace import ShardKeys
from worker.clock import sleep
from worker.core.cluster_sample import ClusterSample
from worker.errors import EXIT_OK, QueueUnavailable
from worker.housekeeping.chores import CALLER_ID, Household
from worker.housekeeping.sampling import Sampler
from worker.observe.build import build_info
from worker.observe.exposition import Exposition
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.server import MetricsServer, Pages
from worker.settings import Settings
from worker.store.housekeeper import EXPORTER, ShardHousekeeper
from worker.store.link import Link
from worker.store.setup import shard_count

BEAT_EVERY_S = 1.0

log = structlog.get_logger(__name__)


async def run_exporter(settings: Settings) -> int:
    """Show the figures until SIGTERM or SIGINT; an outage of Redis is shown, not died of. Returns the exit code."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    # One shard too many shows nothing of its own; one that is left out would be missed by nobody.
    settings = settings.model_copy(update={"shards": max(settings.shards, await _shards_of_namespace(settings))})
    housekeepers = housekeepers_of(settings)
    async with exporting(settings, housekeepers, Metrics()) as address:
        print(f"READY exporter shards={settings.shards}{address}", flush=True)  # noqa: T201 - the protocol of a start
        await told.wait()
    for housekeeper in housekeepers:
        await housekeeper.close()
    return EXIT_OK


async def _shards_of_namespace(settings: Settings) -> int:
    link = Link(settings.redis_url.get_secret_value())
    try:
        return await shard_count(link, settings.namespace)
    except QueueUnavailable as error:
        log.warning("shards_not_known", error=error, taken_for=settings.shards)
        return 1
    finally:
        await link.close()


@contextlib.asynccontextmanager
async def exporting(
    settings: Settings, housekeepers: Sequence[ShardHousekeeper], metrics: Metrics
) -> AsyncGenerator[str]:
    """Show the figures of the cluster, and `metrics`, while this is open; yields what a READY line says of it."""
    health = Health(metrics.sheet, stall_s=settings.health_stall_s)
    health.begin()

    def sampled(sample: ClusterSample | None) -> None:
        metrics.cluster(sample)
        health.redis_answered()
        health.has_registered()

    def unavailable(chore: str) -> None:
        metrics.redis_error(chore)
        health.redis_failed()

    sampler = Sampler(Household(housekeepers, sampled, unavailable), f"{EXPORTER}{uuid4().hex[:16]}", insists=True)
    tasks = [asyncio.create_task(sampler.run()), asyncio.create_task(_beat(health))]
    try:
        with _pages(settings, metrics, health) as address:
            yield address
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await sampler.leave()


def housekeepers_of(settings: Settings) -> list[ShardHousekeeper]:
    """Return one housekeeper for each shard; nothing is opened yet."""
    url, lease_ms = settings.redis_url.get_secret_value(), int(settings.lease_s * 1000)
    shards = [ShardKeys(settings.namespace, shard) for shard in range(settings.shards)]
    return [ShardHousekeeper(url, keys, CALLER_ID, lease_ms) for keys in shards]


@contextlib.contextmanager
def _pages(settings: Settings, metrics: Metrics, health: Health) -> Generator[str]:
    if settings.metrics_port < 0:
        yield ""
        return
    build = build_info()
    shown = Exposition([metrics.sheet], buckets=metrics.buckets, build=build, redis_ok=lambda: health.redis_ok)
    pages = Pages(health, shown.registry(), build)
    with MetricsServer(pages, host=settings.metrics_host, port=settings.metrics_port) as server:
        log.info("serving_metrics", url=server.url)
        yield f" metrics={server.url}/metrics"


async def _beat(health: Health) -> None:
    """Stamp that the event loop runs; there are no claims here that could stall."""
    while True:
        health.beat()
        health.claim_cycle()
        await sleep(BEAT_EVERY_S)
