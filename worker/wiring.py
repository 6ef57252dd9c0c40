"""Build a worker from an application and settings, run it, and stop it in good order; no logic of its own."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from pydantic_core import to_json

from schemas.keyspace import ShardKeys
from worker.completions.closing import close_completions
from worker.definitions.app import App
from worker.errors import EXIT_DRAIN_TIMEOUT, EXIT_OK, ConfigurationError
from worker.housekeeping.household import household_of, plan_of
from worker.housekeeping.sampling import Sampler
from worker.housekeeping.supervise import supervise_housekeeping
from worker.lane.observers import Observers
from worker.lane.shard_lane import LaneRules, ShardLane
from worker.lane.slots import Slots
from worker.lane.turns import AttemptRules
from worker.lane.worker import Worker
from worker.observe.build import build_info
from worker.observe.catalogue import Buckets
from worker.observe.health import Health
from worker.observe.logs import LogRules, Logs
from worker.observe.metrics import Metrics
from worker.observe.ready import say_ready
from worker.observe.serving import serving
from worker.observe.sheet import Sheet
from worker.observe.stacks import dump_stacks_on
from worker.settings import Settings
from worker.store.checkup import Demands
from worker.store.renewal import RenewalLink
from worker.store.setup import prepare
from worker.store.shard import ShardLimits, ShardStore, WorkerIdentity
from worker.store.shared import SharedStore

if TYPE_CHECKING:
    from worker.observe.tracing import Tracing

log = structlog.get_logger(__name__)


async def run_worker(app: App, settings: Settings, sheet_fd: int = -1) -> int:
    """Serve `app` until a signal comes; returns the exit code of the process.

    With `sheet_fd` it counts in that file, for a parent that shows it.

    Prints one line `READY worker_id=… shards=…` on standard output when it serves. Raises `ConfigurationError` and
    `QueueUnavailable`, but only before that.
    """
    _spare_the_collector()
    worker_id = uuid4().hex[:16]  # 64 random bits; it stands in every held session
    observers = _observers(app, settings, worker_id, sheet_fd)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until there is something to quiet
    dump_stacks_on(signal.SIGUSR2, asyncio.get_running_loop())
    await _prepare_redis(settings)
    async with contextlib.AsyncExitStack() as stack:
        if settings.tracing:
            observers = replace(observers, tracing=await stack.enter_async_context(_tracing(worker_id)))
        stack.push_async_callback(close_completions, app)
        address = stack.enter_context(
            serving(observers.health, observers.metrics, host=settings.metrics_host, port=settings.metrics_port)
        )
        worker = await stack.enter_async_context(started_worker(app, settings, worker_id, observers))
        if settings.housekeeping:
            await stack.enter_async_context(_housekeeping(settings, worker_id, observers))
        stopping = Stopping(worker)
        with stopping.installed():
            say_ready(worker_id=worker_id, shards=settings.shards, metrics=address)
            return await _serve(worker, stopping, settings)


@dataclass(eq=False)
class Stopping:
    """What signals do: the first begins the drain, the second ends it at once; SIGUSR1 only stops the claiming.

    SIGHUP only ever begins the drain: of a dying parent the kernel tells once for each of its threads.
    """

    worker: Worker
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    #: 0, or the number of the second signal
    cut_short: int = 0

    @contextlib.contextmanager
    def installed(self) -> Generator[None]:
        """Handle SIGTERM, SIGINT, SIGHUP and SIGUSR1 while this is open."""
        loop = asyncio.get_running_loop()
        handled = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        loop.add_signal_handler(signal.SIGUSR1, self.worker.quiet)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else somebody said `nohup`
            loop.add_signal_handler(signal.SIGHUP, self.begun.set)
            handled.append(signal.SIGHUP)
        yield
        for number in handled:
            loop.remove_signal_handler(number)
        for number in (signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)  # their default would end us in the middle of leaving

    def _signalled(self, number: int) -> None:
        if self.begun.is_set():
            self.cut_short = number
            self.worker.hurry()
        self.begun.set()


async def _serve(worker: Worker, stopping: Stopping, settings: Settings) -> int:
    running = asyncio.create_task(worker.run())
    told = asyncio.create_task(stopping.begun.wait())
    await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if running.done():
        running.result()  # loops don't end: this raises the bug that ended them
    log.info("draining", grace_s=settings.shutdown_grace_s)
    handed_back = await worker.drain(settings.shutdown_grace_s, settings.hard_stop_s)
    running.cancel()
    await asyncio.wait((running,))
    log.info("stopped", handed_back=handed_back)
    if stopping.cut_short:
        return 128 + stopping.cut_short
    return EXIT_DRAIN_TIMEOUT if handed_back else EXIT_OK


def _spare_the_collector() -> None:
    """Let Python's cycle collector run less often: at its defaults it took a quarter of a busy worker's time.

    What is loaded by now stays for good and is not looked at again. Turns make few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


async def _prepare_redis(settings: Settings) -> None:
    warnings = await prepare(
        settings.redis_url.get_secret_value(),
        demands_of(settings),
        housekeeping_url=settings.housekeeping_url if settings.housekeeping else None,
        strict=settings.strict,
    )
    for warning in warnings:
        log.warning("redis_not_as_it_should_be", subject=warning.subject, what=warning.what, remedy=warning.remedy)


def demands_of(settings: Settings) -> Demands:
    """Return what these settings ask of Redis."""
    return Demands(
        namespace=settings.namespace,
        shards=settings.shards,
        allow_eviction=settings.allow_eviction,
        allow_clock_jump=settings.allow_clock_jump,
    )


def _observers(app: App, settings: Settings, worker_id: str, sheet_fd: int) -> Observers:
    rules = LogRules(
        level=settings.log_level,
        levels=settings.log_levels,
        log_format=settings.log_format,
        turns=settings.log_turns,
        contents=settings.log_contents,
        client_ids=settings.log_client_ids,
    )
    logs = Logs(rules)
    logs.set_up(worker_id=worker_id)
    sheet = Sheet(sheet_fd)
    metrics = Metrics(sheet, buckets=Buckets.of_settings(settings.wait_buckets_s, settings.turn_buckets_s))
    health = Health(sheet, stall_s=settings.health_stall_s)
    metrics.begin(app.swarms)
    health.begin()
    return Observers(metrics, health, logs.turn_line())


@contextlib.asynccontextmanager
async def _tracing(worker_id: str) -> AsyncGenerator["Tracing"]:
    """Export spans while this is open; raises `ConfigurationError` where the extra is not installed."""
    try:
        from worker.observe.span_export import exported  # noqa: PLC0415 - an extra, and 0.2 s of loading
    except ModuleNotFoundError as error:
        fault = f"SWARMLINE_TRACING: {error.name} is not installed: pip install 'swarmline[otel]', or set it to false"
        raise ConfigurationError(fault) from error
    async with exported(worker_id, build_info()["version"]) as tracing:
        tracing.hush()
        yield tracing


@contextlib.asynccontextmanager
async def started_worker(app: App, settings: Settings, worker_id: str, observers: Observers) -> AsyncGenerator[Worker]:
    """Build a worker and give it a lease; it serves once its `run` is awaited. Raises `QueueUnavailable`."""
    url = settings.redis_url.get_secret_value()
    announced = {name: to_json(swarm.admission_settings()).decode() for name, swarm in app.swarms.items()}
    identity = WorkerIdentity(worker_id, announced)
    limits = _limits(settings)
    slots = Slots(settings.max_sessions_in_flight, shards=settings.shards)
    rules = LaneRules(lease_s=settings.lease_s, attempts=_attempt_rules(settings))
    shards = [ShardKeys(settings.namespace, shard) for shard in range(settings.shards)]
    stores = [ShardStore(url, keys, settings.shards, identity, limits) for keys in shards]
    shared = SharedStore(url, shards, worker_id)
    lanes = [ShardLane(store, shared, app.swarms, (slots, observers), rules) for store in stores]
    links = [RenewalLink(url, keys, worker_id, settings.lease_s) for keys in shards]
    worker = Worker(lanes, links, slots, observers, max_loop_stall_s=settings.max_loop_stall_s)
    try:
        await worker.start()
        yield worker
    finally:
        for store in (*stores, shared):
            await store.close()


@contextlib.asynccontextmanager
async def _housekeeping(settings: Settings, worker_id: str, observers: Observers) -> AsyncGenerator[None]:
    health = observers.health
    household = household_of(settings, observers.metrics, may_sweep=lambda: health.ready()[0])
    sampler = Sampler(household, worker_id)
    tasks = [
        asyncio.create_task(supervise_housekeeping(plan_of(settings), household)),
        asyncio.create_task(sampler.run()),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await sampler.leave()
        await household.close()


def _attempt_rules(settings: Settings) -> AttemptRules:
    return AttemptRules(
        max_attempts=settings.max_attempts,
        retry_max_attempts=settings.retry_max_attempts,
        retry_first_s=settings.retry_first_s,
        retry_most_s=settings.retry_most_s,
    )


def _limits(settings: Settings) -> ShardLimits:
    return ShardLimits(
        lease_ms=int(settings.lease_s * 1000),
        result_ttl_ms=settings.result_ttl_s * 1000,
        grace_ms=int(settings.session_grace_s * 1000),
        body_max_bytes=settings.body_max_bytes,
        history_max=settings.history_max,
        outbox_max=settings.outbox_max,
        events_max=settings.events_max,
        dead_max=settings.dead_max,
    )
