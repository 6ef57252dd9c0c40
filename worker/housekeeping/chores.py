"""What has to be done from time to time, and how often; each chore goes over all shards."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import structlog
from arq.cron import CronJob, cron

from worker.core.cluster_sample import ClusterSample
from worker.errors import QueueUnavailable
from worker.housekeeping.outlet import Outlet

#: where a chore finds the household in arq's context
HOUSEHOLD = "household"
#: well below a lease: the script takes a longer pause between two calls for an outage
#: all who do the chores share one name: whoever takes the next tick goes on where the last one stopped
CALLER_ID = "housekeeping"
RECLAIM_EVERY_S = 2
TRIM_EVERY_S = 15
SAMPLE_EVERY_S = 5
CHORE_TIMEOUT_S = 20

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Housekeeper(Protocol):
    """What the store offers for one shard; every method raises QueueUnavailable when Redis is away."""

    async def sweep(self) -> int:
        """Ask idle sessions that are due to dispose; returns how many."""
        ...

    async def reclaim(self) -> int:
        """Put the sessions of dead workers back; returns how many workers were found dead."""
        ...

    async def trim(self) -> int:
        """Drop entries of the requests stream that were admitted; returns how many."""
        ...

    async def sample(self) -> ClusterSample:
        """Return the figures of the shard."""
        ...


@dataclass(frozen=True, slots=True)
class Household:
    """All shards, and whom to tell."""

    housekeepers: Sequence[Housekeeper]
    on_sample: Callable[[ClusterSample], None]
    #: called with the name of a chore that found no Redis
    on_unavailable: Callable[[str], None]
    #: where kept requests go at their time; None = this worker sends none
    outlet: Outlet | None = None
    #: arq runs chores that are due together at once; the connection of a housekeeper takes one call at a time
    one_chore: asyncio.Lock = field(default_factory=asyncio.Lock)


async def sweep_expired_sessions(context: Mapping[str, Any]) -> int:
    """Ask idle sessions whose time is over to dispose; returns how many."""
    return sum(await _on_all_shards(context, "sweep", lambda shard: shard.sweep()))


async def reclaim_dead_workers(context: Mapping[str, Any]) -> int:
    """Put the sessions of dead workers back, as second line: every claim and renewal does it too."""
    return sum(await _on_all_shards(context, "reclaim", lambda shard: shard.reclaim()))


async def trim_streams(context: Mapping[str, Any]) -> int:
    """Drop admitted entries, so that what people said does not outlive their sessions; returns how many."""
    return sum(await _on_all_shards(context, "trim", lambda shard: shard.trim()))


async def sample_gauges(context: Mapping[str, Any]) -> int:
    """Take the figures of the whole cluster; nothing is shown if a shard did not answer. Returns how many answered."""
    household: Household = context[HOUSEHOLD]
    samples = await _on_all_shards(context, "sample", lambda shard: shard.sample())
    if len(samples) == len(household.housekeepers):
        household.on_sample(joined(samples))
    return len(samples)


def joined(samples: Sequence[ClusterSample]) -> ClusterSample:
    """Return the figures of all shards as one sample.

    A worker is registered in every shard, so workers are not added up; the lag is unknown if one shard's is.
    """
    lags = [sample.stream_lag for sample in samples]
    return ClusterSample(
        stream_length=sum(sample.stream_length for sample in samples),
        stream_lag=None if None in lags else sum(lag or 0 for lag in lags),
        oldest_waiting_s=max(sample.oldest_waiting_s for sample in samples),
        workers_live=max(sample.workers_live for sample in samples),
        sessions_active=sum(sample.sessions_active for sample in samples),
        ready=sum(sample.ready for sample in samples),
        delayed=sum(sample.delayed for sample in samples),
        dead=sum(sample.dead for sample in samples),
    )


def timetable(namespace: str, *, sweep_every_s: int) -> list[CronJob]:
    """Return when each chore is due, for one arq worker (arq notes in it what it has queued).

    The namespace is part of every name: arq keeps jobs under names of its own, and two namespaces on one Redis would
    take each other's chores for their own, already done.
    """
    chores = (
        (sweep_expired_sessions, sweep_every_s),
        (reclaim_dead_workers, RECLAIM_EVERY_S),
        (trim_streams, TRIM_EVERY_S),
        (sample_gauges, SAMPLE_EVERY_S),
    )
    return [
        cron(
            cast("Any", chore),
            name=f"{namespace}:{chore.__name__}",
            second=set(range(0, 60, every_s)),
            unique=True,
            timeout=CHORE_TIMEOUT_S,
            keep_result=0,
            max_tries=1,
        )
        for chore, every_s in chores
    ]


async def _on_all_shards(
    context: Mapping[str, Any], chore: str, do: Callable[[Housekeeper], Coroutine[Any, Any, T]]
) -> list[T]:
    """Return what the shards answered; one that is away must not stop the work on the others."""
    household: Household = context[HOUSEHOLD]
    async with household.one_chore:
        answers = await asyncio.gather(*map(do, household.housekeepers), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, QueueUnavailable):
            log.warning("chore_found_no_redis", chore=chore, error=answer)
            household.on_unavailable(chore)
        elif isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
