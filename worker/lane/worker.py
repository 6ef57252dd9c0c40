"""One worker: its lanes, its heartbeat, and the order in which it starts and stops."""

import asyncio
from collections.abc import Sequence

import structlog

from worker.clock import monotonic
from worker.lane.heartbeat import Heartbeat, HeartbeatListener
from worker.lane.observers import Observers
from worker.lane.shard_lane import ShardLane
from worker.lane.slots import Slots
from worker.store.renewal import Renewal, RenewalLink

log = structlog.get_logger(__name__)


class Worker:
    """Runs the lanes of all shards under one lease each, kept by one heartbeat."""

    def __init__(
        self,
        lanes: Sequence[ShardLane],
        links: Sequence[RenewalLink],
        slots: Slots,
        observers: Observers,
        *,
        max_loop_stall_s: float,
    ) -> None:
        """Take the parts as wiring built them; call it on the event loop."""
        self._lanes = lanes
        self._slots = slots
        self._observers = observers
        self._restoring: set[asyncio.Task[None]] = set()
        #: shard -> since when its Redis does not answer
        self._silent_since: dict[int, float] = {}
        listener = HeartbeatListener(self._renewed, self._lost, self._failed, self._beat)
        self._heartbeat = Heartbeat(links, lanes[0].lease.lease_s, max_loop_stall_s, listener)
        for lane in lanes:
            lane.on_no_lease(self._heartbeat.renew_now)

    async def start(self) -> None:
        """Prepare every shard and get a lease; raises `QueueUnavailable`."""
        for lane in self._lanes:
            await lane.prepare()
        self._heartbeat.start()
        for lane in self._lanes:
            await lane.executor.registered.wait()
        self._observers.health.has_registered()

    async def run(self) -> None:
        """Serve for ever; an exception here is a bug."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(lane.run())

    async def drain(self, grace_s: float, hard_stop_s: float) -> int:
        """Stop claiming, let turns end, hand back the rest and leave; returns how many sessions were handed back."""
        self._observers.health.drains()
        self._slots.closed = True
        drains = [asyncio.create_task(lane.drain(grace_s, hard_stop_s)) for lane in self._lanes]
        handed_back = sum(await asyncio.gather(*drains))
        # Renewals go on until here: a lease that ends during a drain would give running turns to others. One that
        # came after the goodbye would register the worker again.
        await self._heartbeat.stop()
        for lane in self._lanes:
            await self._leave(lane)
        return handed_back

    def quiet(self) -> None:
        """Claim nothing more, and go on with what is held; admission and control work as before."""
        log.info("quiet")
        self._observers.health.goes_quiet()
        self._slots.closed = True
        for lane in self._lanes:
            lane.claim_now()

    def hurry(self) -> None:
        """Second signal: don't wait for turns any more."""
        for lane in self._lanes:
            lane.executor.held.hurry()

    async def _leave(self, lane: ShardLane) -> None:
        try:
            await lane.leave()
        except TimeoutError:
            log.warning("left_without_goodbye", shard=lane.store.keys.shard)

    def _renewed(self, shard: int, sent_at: float, renewal: Renewal) -> None:
        self._observers.health.redis_answered()
        if shard in self._silent_since:
            silent_s = monotonic() - self._silent_since.pop(shard)
            log.warning("redis_answers_again", shard=shard, after_s=round(silent_s, 1))
        self._lanes[shard].renewed(sent_at, renewal)

    def _lost(self, shard: int) -> None:
        self._observers.metrics.lease_lost()
        log.warning("lease_lost", shard=shard)
        self._lanes[shard].lost()  # at once: the new lease may be the very next thing to hear of
        task = asyncio.create_task(self._lanes[shard].restore())
        self._restoring.add(task)
        task.add_done_callback(self._restoring.discard)

    def _failed(self, shard: int, fault: str) -> None:
        if shard not in self._silent_since:  # once for each outage, which has many failures
            self._silent_since[shard] = monotonic()
            log.warning("redis_does_not_answer", shard=shard, error=fault)
        self._observers.metrics.redis_error("renew")
        self._observers.health.redis_failed()

    def _beat(self, late_s: float) -> None:
        self._observers.health.beat()
        self._observers.metrics.loop_lag(late_s)
        self._observers.metrics.slots(self._slots.used, self._slots.total)
