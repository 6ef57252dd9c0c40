"""What has to be done from time to time, and how often; each chore goes over all shards."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import structlog
from arq.cron import CronJob, cron

from worker.core.cluster_sample import ClusterSample
from worker.errors import QueueUnavailable
from worker.housekeeping.archive import Archive
from worker.housekeeping.outlet import Outlet

#: where a chore finds the household in arq's context
HOUSEHOLD = "household"
#: all who do the chores share one name: whoever takes the next tick goes on where the last one stopped
CALLER_ID = "housekeeping"
#: well below a lease: the script takes a longer pause between two calls for an outage
RECLAIM_EVERY_S = 2
TRIM_EVERY_S = 15
CHORE_TIMEOUT_S = 20

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Housekeeper(Protocol):
    """What the store offers for one shard; every method raises QueueUnavailable when Redis is away."""

    async def sweep(self) -> int:
        """Ask idle sessions that are due to dispose; returns how many."""
        ...

    async def reclaim(self) -> int:
        """Put the sessions of dead workers back; returns how many sessions."""
        ...

    async def trim(self) -> int:
        """Drop entries of the requests stream that were admitted; returns how many."""
        ...

    async def sample(self) -> ClusterSample:
        """Return the figures of the shard."""
        ...

    async def become_sampler(self, caller_id: str, life_ms: int, *, insists: bool) -> bool:
        """Take or keep the place of who shows the figures of the cluster; tell whether it is ours."""
        ...

    async def leave_sampling(self, caller_id: str) -> None:
        """Give up that place."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


@dataclass(frozen=True, slots=True)
class Household:
    """All shards, and whom to tell."""

    housekeepers: Sequence[Housekeeper]
    #: None: another process shows the figures
    on_sample: Callable[[ClusterSample | None], None]
    #: called with the name of a chore that found no Redis
    on_unavailable: Callable[[str], None]
    #: where kept requests go at their time; None = this worker sends none
    outlet: Outlet | None = None
    #: what errands look into; None = this worker runs none
    archive: Archive | None = None
    #: whether a session that is asked to dispose is heard: who leaves may have been the last one to take it
    may_sweep: Callable[[], bool] = lambda: True
    #: arq runs chores that are due together at once; the connection of a housekeeper takes one call at a time
    one_chore: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def close(self) -> None:
        """Close all connections."""
        for part in (self.archive, self.outlet, *self.housekeepers):
            if part is not None:
                await part.close()


async def sweep_expired_sessions(context: Mapping[str, Any]) -> int:
    """Ask idle sessions whose time is over to dispose, unless this worker takes no more work; returns how many."""
    household: Household = context[HOUSEHOLD]
    if not household.may_sweep():
        return 0
    return sum(await on_all_shards(context, "sweep", lambda shard: shard.sweep()))


async def reclaim_dead_workers(context: Mapping[str, Any]) -> int:
    """Put the sessions of dead workers back, as second line: every claim and renewal does it too."""
    return sum(await on_all_shards(context, "reclaim", lambda shard: shard.reclaim()))


async def trim_streams(context: Mapping[str, Any]) -> int:
    """Drop admitted entries, so that what people said does not outlive their sessions; returns how many."""
    return sum(await on_all_shards(context, "trim", lambda shard: shard.trim()))


def timetable(namespace: str, *, sweep_every_s: int) -> list[CronJob]:
    """Return when each chore is due, for one arq worker (arq notes in it what it has queued).

    The namespace is part of every name: arq keeps jobs under names of its own, and two namespaces on one Redis would
    take each other's chores for their own, already done.
    """
    chores = (
        (sweep_expired_sessions, sweep_every_s),
        (reclaim_dead_workers, RECLAIM_EVERY_S),
        (trim_streams, TRIM_EVERY_S),
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


async def on_all_shards(
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
