"""A housekeeper that keeps no house: it notes what was asked of it."""

from worker.core.cluster_sample import ClusterSample
from worker.errors import QueueUnavailable
from worker.housekeeping.archive import Archive
from worker.housekeeping.chores import Household
from worker.housekeeping.outlet import Outlet

QUIET = ClusterSample(
    stream_length=0,
    stream_lag=0,
    oldest_waiting_s=0.0,
    workers_live=1,
    sessions_active=0,
    held=0,
    ready=0,
    delayed=0,
    dead=0,
)


class RecordingHousekeeper:
    """One shard; `away` makes it behave as if its Redis were gone."""

    def __init__(self, sample: ClusterSample = QUIET, *, away: bool = False) -> None:
        self.done: list[str] = []
        self.sampler = ""
        self._sample = sample
        self._away = away

    async def sweep(self) -> int:
        return self._note("sweep")

    async def reclaim(self) -> int:
        return self._note("reclaim")

    async def trim(self) -> int:
        return self._note("trim")

    async def sample(self) -> ClusterSample:
        self._note("sample")
        return self._sample

    async def become_sampler(self, caller_id: str, life_ms: int, *, insists: bool) -> bool:
        assert life_ms > 0
        if self._away:
            raise QueueUnavailable("no server")
        self.sampler = caller_id if insists else self.sampler or caller_id
        return self.sampler == caller_id

    async def leave_sampling(self, caller_id: str) -> None:
        if self.sampler == caller_id:
            self.sampler = ""

    async def close(self) -> None:
        self.done.append("close")

    def _note(self, chore: str) -> int:
        if self._away:
            raise QueueUnavailable("no server")
        self.done.append(chore)
        return 1


class Seen:
    """A household of recording housekeepers, and what it was told."""

    def __init__(
        self, *housekeepers: RecordingHousekeeper, outlet: Outlet | None = None, archive: Archive | None = None
    ) -> None:
        self.housekeepers = housekeepers or (RecordingHousekeeper(),)
        self.samples: list[ClusterSample | None] = []
        self.unavailable: list[str] = []
        self.household = Household(self.housekeepers, self.samples.append, self.unavailable.append, outlet, archive)

    def count(self, chore: str) -> int:
        return sum(housekeeper.done.count(chore) for housekeeper in self.housekeepers)
