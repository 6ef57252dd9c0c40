"""Keep arq's worker running inside ours: it ends at the first Redis outage, and is built anew until it works."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypedDict, cast

import structlog
from arq.connections import ArqRedis
from arq.cron import CronJob
from arq.worker import Function, Worker

from schemas.keyspace import arq_queue
from worker.clock import Backoff, monotonic
from worker.housekeeping.chores import HOUSEHOLD, Household, timetable
from worker.housekeeping.codec import read_job, write_job
from worker.housekeeping.errands import errands
from worker.housekeeping.later import jobs
from worker.store.node import tls_options

#: an arq worker that ran for so long was well: the next failure is a new one
WELL_AFTER_S = 10.0
#: a chore that takes longer is given up at the end
STOP_WITHIN_S = 2.0
#: arq's default (1 day) would run the chores of an outage one by one after it
JOB_LIFE_MS = 60_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HousekeepingPlan:
    """Where arq keeps its jobs, for which namespace, and how often sessions are swept (s)."""

    redis_url: str
    namespace: str
    sweep_every_s: int = 2

    @property
    def queue_name(self) -> str:
        """Return the key of arq's queue."""
        return arq_queue(self.namespace)


class InterruptibleWorker(Worker):
    """An arq worker that can be stopped while it does not talk to Redis: redis-py does not take that well."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.looking = asyncio.Lock()

    async def _poll_iteration(self) -> None:
        async with self.looking:
            await super()._poll_iteration()


class WorkerOptions(TypedDict):
    """What arq's worker is built with, by its own names."""

    queue_name: str
    functions: list[Function]
    cron_jobs: list[CronJob]
    redis_pool: ArqRedis
    job_serializer: Any
    job_deserializer: Any
    max_tries: int
    keep_result: int
    expires_extra_ms: int
    health_check_interval: int
    timezone: Any
    ctx: dict[Any, Any]


def worker_options(plan: HousekeepingPlan, household: Household) -> WorkerOptions:
    """Return the options of one arq worker; opens no connection yet."""
    return WorkerOptions(
        queue_name=plan.queue_name,
        functions=[*jobs(), *errands()],
        cron_jobs=timetable(plan.namespace, sweep_every_s=plan.sweep_every_s),
        redis_pool=open_pool(plan),
        job_serializer=write_job,
        job_deserializer=read_job,
        max_tries=1,
        keep_result=0,
        expires_extra_ms=JOB_LIFE_MS,
        health_check_interval=60,
        timezone=UTC,  # the name of a tick holds its time: it must be the same on every host
        ctx={HOUSEHOLD: household},
    )


def open_pool(plan: HousekeepingPlan) -> ArqRedis:
    """Return a client of arq's Redis that writes and reads jobs as JSON and never waits for ever."""
    # redis-py 5.3 leaves this classmethod half typed
    from_url = cast("Callable[..., ArqRedis]", ArqRedis.from_url)  # pyright: ignore[reportUnknownMemberType]
    pool = from_url(plan.redis_url, socket_connect_timeout=2.0, socket_timeout=5.0, **tls_options(plan.redis_url))
    pool.job_serializer, pool.job_deserializer = write_job, read_job
    pool.default_queue_name, pool.expires_extra_ms = plan.queue_name, JOB_LIFE_MS
    return pool


async def supervise_housekeeping(
    plan: HousekeepingPlan, household: Household, *, backoff: Backoff | None = None
) -> None:
    """Do the chores until cancelled; whatever ends arq's worker, a new one is built after a jittered pause."""
    backoff = backoff or Backoff(first_s=0.25, most_s=5.0)
    while True:
        started_at = monotonic()
        error = await _run_one(InterruptibleWorker(**worker_options(plan, household), handle_signals=False))
        if monotonic() - started_at > WELL_AFTER_S:
            backoff.reset()
        # one line for each outage, not for each attempt
        (log.debug if backoff.failures else log.warning)("housekeeping_stopped", error=error)
        household.on_unavailable("arq")
        await backoff.pause()


async def _run_one(worker: InterruptibleWorker) -> BaseException | None:
    """Run an arq worker to its end and return what ended it; raises CancelledError only if we are cancelled."""
    running = asyncio.create_task(worker.main())
    try:
        await asyncio.wait([running])
    finally:
        await _stop(worker, running)
    return asyncio.CancelledError() if running.cancelled() else running.exception()


async def _stop(worker: InterruptibleWorker, running: asyncio.Task[None]) -> None:
    """End the worker between two looks at the queue, its chores (they take milliseconds), and its connections."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_WITHIN_S), worker.looking:
            running.cancel()
            await asyncio.wait([running, *worker.tasks.values()])
    # arq's own `close` does not get as far as the connections if Redis is away
    await _cancel([running, *worker.tasks.values()])
    with contextlib.suppress(Exception):
        await worker.pool.aclose(close_connection_pool=True)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel until all have ended: one cancellation in some hundred gets lost inside redis-py."""
    while unfinished := [task for task in tasks if not task.done()]:
        for task in unfinished:
            task.cancel()
        await asyncio.wait(unfinished, timeout=0.2)
    await asyncio.gather(*tasks, return_exceptions=True)
