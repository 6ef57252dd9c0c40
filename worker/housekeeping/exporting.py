"""The figures of the whole cluster from a process of their own: `swarmline exporter`."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Sequence
from uuid import uuid4

import structlog

from worker.clock import sleep
from worker.core.cluster_sample import ClusterSample
from worker.errors import EXIT_OK, QueueUnavailable
from worker.housekeeping.chores import Household, Housekeeper
from worker.housekeeping.household import housekeepers_of
from worker.housekeeping.sampling import Sampler
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.ready import say_ready
from worker.observe.serving import serving
from worker.settings import Settings
from worker.store.housekeeper import EXPORTER
from worker.store.links import Links

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
        say_ready("exporter", shards=settings.shards, metrics=address)
        await told.wait()
    for housekeeper in housekeepers:
        await housekeeper.close()
    return EXIT_OK


async def _shards_of_namespace(settings: Settings) -> int:
    links = Links(settings.redis_url.get_secret_value(), settings.namespace)
    try:
        return len(await links.shards())
    except QueueUnavailable as error:
        log.warning("shards_not_known", error=error, taken_for=settings.shards)
        return 1
    finally:
        await links.close()


@contextlib.asynccontextmanager
async def exporting(settings: Settings, housekeepers: Sequence[Housekeeper], metrics: Metrics) -> AsyncGenerator[str]:
    """Show the figures of the cluster, and `metrics`, while this is open; yields the address, if there is one."""
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
        with serving(health, metrics, host=settings.metrics_host, port=settings.metrics_port) as address:
            if address:
                log.info("serving_metrics", url=address)
            yield address
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await sampler.leave()


async def _beat(health: Health) -> None:
    """Stamp that the event loop runs; there are no claims here that could stall."""
    while True:
        health.beat()
        health.claim_cycle()
        await sleep(BEAT_EVERY_S)
