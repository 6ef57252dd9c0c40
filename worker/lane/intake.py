"""Admit and claim: keep the worker's free slots filled, and entries moving into mailboxes even when none is free."""

import asyncio

from worker.lane.doorbell import Doorbell
from worker.lane.executor import Executor
from worker.lane.observers import Observers
from worker.lane.outage import Outage
from worker.lane.slots import Slots
from worker.store.claims import Claim, NoLease
from worker.store.link import QueueFull
from worker.store.shard import ADMIT_MAX, ShardStore


class Intake:
    """The loop of claims of one shard; never asks for more sessions than it has free slots."""

    def __init__(
        self,
        store: ShardStore,
        executor: Executor,
        outage: Outage,
        observers: Observers,
        slots: Slots,
    ) -> None:
        """Claim through `store` for `executor`, as many sessions as `slots` are free."""
        self._store = store
        self._executor = executor
        self._outage = outage
        self._observers = observers
        self._slots = slots
        self._doorbell = Doorbell(store.bell, outage, slots)
        executor.ring_when_a_suspect_ends(self._doorbell.rung)
        self._op_number = 0

    async def run(self) -> None:
        """Claim for ever; while draining it still admits, so that control reaches running turns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._doorbell.run())
            while True:
                await self._cycle()

    async def drain(self) -> None:
        """Leave the bell to workers that can still take something."""
        await self._doorbell.mute()

    async def _cycle(self) -> None:
        asked, suspects = self._slots.free, self._executor.suspect_slots
        try:
            claim = await self._claim(asked, suspects)
        except NoLease:
            # Others have taken the sessions; the heartbeat registers anew and then this loop goes on.
            self._executor.lose_all()
            self._executor.registered.clear()
            await self._executor.registered.wait()
            return
        took_all = len(claim.sessions) >= asked
        self._take(claim)
        # When there is more, the next call goes out at once, so that Redis works on it while the turns run.
        has_more = claim.admitted >= ADMIT_MAX or (took_all and asked > 0)
        # The suspect that was held may have ended during the call, and so may have rung in vain.
        if not has_more and self._executor.suspect_slots <= suspects:
            await self._wait(until_free=took_all)

    async def _claim(self, asked: int, suspects: int) -> Claim:
        self._op_number += 1
        number = self._op_number
        try:
            return await self._outage.until_answered(
                "claim", lambda: self._store.admit_and_claim(number, asked, suspects)
            )
        except QueueFull:
            # Redis takes no new work now; what it has accepted must drain.
            self._outage.failed("admit")
            return await self._outage.until_answered("claim", lambda: self._store.claim(number, asked, suspects))

    def _take(self, claim: Claim) -> None:
        for session in claim.sessions:
            self._executor.start(session)
        self._observers.health.claim_cycle()
        metrics = self._observers.metrics
        metrics.claim_cycle()
        if claim.counted:
            metrics.admitted(claim.counted)
        if claim.redelivered:
            metrics.redelivered(claim.redelivered)
        for sid, key in claim.set_aside:
            self._observers.set_aside(sid, key)

    async def _wait(self, *, until_free: bool) -> None:
        """Wait for the bell; a worker that was full also goes on as soon as a slot is free."""
        self._doorbell.arm()
        if until_free:
            await self._slots.freed_or(self._doorbell.rung)
        else:
            await self._doorbell.rung.wait()
