"""Everything that keeps turns moving in one shard, put together."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from worker.definitions.swarm import Swarm
from worker.lane.committer import Committer
from worker.lane.control import Control
from worker.lane.deltas import Deltas
from worker.lane.executor import Executor
from worker.lane.flusher import Flusher
from worker.lane.held import LaneServices
from worker.lane.intake import Intake
from worker.lane.items import Commit
from worker.lane.lease import Lease
from worker.lane.live import LiveEvents
from worker.lane.observers import Observers
from worker.lane.outage import Outage
from worker.lane.releaser import Releaser
from worker.lane.server_clock import ServerClock
from worker.lane.shared import SharedStates
from worker.lane.slots import Slots
from worker.lane.strays import Strays
from worker.lane.turns import AttemptRules, TurnRunner
from worker.store.commits import FencedAnswer
from worker.store.renewal import Renewal
from worker.store.shard import ShardStore
from worker.store.shared import SharedStore

GOODBYE_WITHIN_S = 2.0
#: while Redis is away, a drain does not wait for longer to know that nothing more was claimed
LAST_CLAIM_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """Figures that a lane goes by."""

    lease_s: float
    attempts: AttemptRules


class ShardLane:
    """One shard of one worker: its lease, its loops and the sessions it holds."""

    def __init__(
        self,
        store: ShardStore,
        shared: SharedStore,
        swarms: Mapping[str, Swarm],
        places: tuple[Slots, Observers],
        rules: LaneRules,
    ) -> None:
        """Build the loops; nothing runs yet."""
        slots, observers = places
        self.store = store
        self.lease = Lease(rules.lease_s)
        self._clock = ServerClock()
        self._outage = Outage(observers.metrics, observers.health)
        self._metrics = observers.metrics
        self._slots = slots
        self._flusher = Flusher(store, self._outage, self._answered)
        self._committer = Committer(store, self._outage, self._committed)
        self._releaser = Releaser(store, self._outage, self._answered)
        self._deltas = Deltas(store, store.keys)
        services = LaneServices(
            self.lease,
            self._clock,
            self._flusher,
            self._deltas,
            observers.metrics,
            store.kept,
            self._releaser,
            SharedStates(shared, self._outage),
        )
        runner = TurnRunner(store, self._outage, rules.attempts, observers.tracing)
        self.executor = Executor(swarms, services, self._committer, runner, places)
        self._control = Control(store, self._outage, self.executor, runner)
        self._intake = Intake(store, self.executor, self._outage, observers, slots)
        self._live = LiveEvents(self.executor.held, self._flusher)
        self._strays = Strays(store.noted, self._outage, self.executor.held, self._releaser, rules.lease_s)

    async def prepare(self) -> None:
        """Create what is missing in Redis and announce the swarms; raises `QueueUnavailable`."""
        await self.store.agree()
        await self.store.bell.ensure_groups()
        await self.store.announce()

    async def run(self) -> None:
        """Run all loops for ever."""
        async with asyncio.TaskGroup() as group:
            for loop in (self._intake, self._committer, self._flusher, self._deltas, self._live, self._strays):
                group.create_task(loop.run())
            group.create_task(self._control.listen())

    def renewed(self, sent_at: float, renewal: Renewal) -> None:
        """Take the answer to a renewal."""
        self._clock.set(renewal.now_ms)
        self.lease.renewed(sent_at)
        self.executor.registered.set()
        self._control.hinted(renewal.hints)

    def on_no_lease(self, tell: Callable[[], None]) -> None:
        """Call `tell` when a claim was refused for want of a lease."""
        self._intake.on_no_lease(tell)

    def lost(self) -> None:
        """Stop what ran under a lease that is gone."""
        self.lease.lost()
        self.executor.lose_all()

    async def restore(self) -> None:
        """Prepare Redis anew: it may have lost everything."""
        await self._outage.until_answered("prepare", self.prepare)

    def claim_now(self) -> None:
        """Take back the claim that was sent ahead: there are other slots now than it asked for."""
        self._intake.claim_now()

    async def drain(self, grace_s: float, hard_stop_s: float) -> int:
        """Claim nothing more, let turns end for `grace_s`, then hand the rest back; returns how many were."""
        self.executor.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_CLAIM_WITHIN_S):
                await self._intake.drain()
        await self.executor.held.emptied(within_s=grace_s)
        try:
            async with asyncio.timeout(hard_stop_s):
                remaining = await self.executor.stop()
                if remaining:
                    await self._releaser.hand_back(remaining)
                return len(remaining)
        except TimeoutError:
            return len(self.executor.held)

    async def leave(self) -> None:
        """End the lease; raises `TimeoutError` when Redis is away for longer than anybody wants to wait."""
        # The connection may not have been used since an outage long ago: its first call fails then, and the second not.
        async with asyncio.timeout(GOODBYE_WITHIN_S):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_CLAIM_WITHIN_S):
                    await self._intake.end()
            await self._outage.until_answered("deregister", self.store.deregister)

    def _committed(self, commits: Sequence[Commit], answer: FencedAnswer) -> None:
        self.executor.committed(commits, answer.statuses)
        self._answered(answer)

    def _answered(self, answer: FencedAnswer) -> None:
        self._metrics.slots(self._slots.used, self._slots.total)
        if answer.hints:
            self._control.hinted(answer.hints)
        if answer.unheard:
            self._metrics.unheard(answer.unheard)
