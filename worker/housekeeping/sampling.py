"""The figures of the whole cluster, shown in one place: N workers that all showed them would multiply them."""

from collections.abc import Sequence

import structlog

from worker.clock import sleep
from worker.core.cluster_sample import ClusterSample
from worker.errors import QueueUnavailable
from worker.housekeeping.chores import HOUSEHOLD, Household, on_all_shards

SAMPLE_EVERY_S = 5.0
#: who has not sampled for so long is gone, and another one takes over
PLACE_LIFE_MS = 15_000

log = structlog.get_logger(__name__)


class Sampler:
    """Samples for as long as it has the place, which one process of all has; the others show nothing."""

    def __init__(self, household: Household, caller_id: str, *, insists: bool = False) -> None:
        """Take the place when it is free; who `insists` takes it from a worker."""
        self._household = household
        self._caller_id = caller_id
        self._insists = insists

    async def run(self) -> None:
        """Sample for ever; an outage of Redis is waited out."""
        while True:
            try:
                await self.sample_gauges()
            except QueueUnavailable:
                self._household.on_unavailable("sample")
            await sleep(SAMPLE_EVERY_S)

    async def sample_gauges(self) -> bool:
        """Take the figures of the whole cluster if that is ours to do; nothing is shown if a shard did not answer."""
        household = self._household
        async with household.one_chore:
            is_ours = await household.housekeepers[0].become_sampler(
                self._caller_id, PLACE_LIFE_MS, insists=self._insists
            )
        if not is_ours:
            household.on_sample(None)
            return False
        samples = await on_all_shards({HOUSEHOLD: household}, "sample", lambda shard: shard.sample())
        if len(samples) == len(household.housekeepers):
            household.on_sample(joined(samples))
        return True

    async def leave(self) -> None:
        """Let the next one take over at once."""
        try:
            await self._household.housekeepers[0].leave_sampling(self._caller_id)
        except QueueUnavailable as error:
            log.debug("left_sampling_without_goodbye", error=error)


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
        held=sum(sample.held for sample in samples),
        ready=sum(sample.ready for sample in samples),
        delayed=sum(sample.delayed for sample in samples),
        dead=sum(sample.dead for sample in samples),
    )
