"""The figures of the whole cluster, shown in one place: N workers that all showed them would multiply them."""

import structlog

from worker.clock import sleep
from worker.core.cluster_sample import joined
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
        is_away = False
        while True:
            try:
                await self.sample_gauges()
                is_away = False
            except QueueUnavailable as error:
                # one line for each outage, not for each attempt
                (log.debug if is_away else log.warning)("sampler_found_no_redis", error=error)
                is_away = True
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
