"""Admit and claim: keep the worker's free slots filled, and entries moving into mailboxes even when none is free."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from worker.errors import QueueUnavailable
from worker.lane.bite import Bite
from worker.lane.doorbell import BELL_WAIT_S, Doorbell
from worker.lane.executor import Executor
from worker.lane.observers import Observers
from worker.lane.outage import Outage
from worker.lane.slots import Slots
from worker.store.claims import Claim, NoLease
from worker.store.link import CommandRefused, QueueFull
from worker.store.shard import ShardStore


class Intake:
    """The loop of claims of one shard; never asks for more sessions than it has free slots.

    A worker that has taken all there was sends its next claim ahead: Redis runs it when there is a sign of work.
    """

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
        self._doorbell = Doorbell(store.bell, outage)
        executor.held.suspects.on_cleared(self.claim_now)
        self._op_number = 0
        self._bite = Bite()
        self._took_all_there_was = False
        #: the claim that was sent ahead and has not come back
        self._ahead: asyncio.Timeout | None = None
        #: a claim that asked for nothing, since this worker drains, has come back
        self._asks_no_more = asyncio.Event()
        self._ends = False
        self._has_ended = asyncio.Event()
        self._tell_no_lease: Callable[[], None] = lambda: None

    def on_no_lease(self, tell: Callable[[], None]) -> None:
        """Call `tell` when a claim was refused for want of a lease: the next renewal may be far away."""
        self._tell_no_lease = tell

    async def run(self) -> None:
        """Claim for ever; while draining it still admits, so that control reaches running turns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._doorbell.run())
            while not self._ends:
                await self._cycle()
            self._has_ended.set()

    def claim_now(self) -> None:
        """Wait for a sign of work no longer: the worker drains, or a suspect ended and the next one may be waiting."""
        if self._ahead is not None:
            self._ahead.reschedule(0)
            self._ahead = None
        self._doorbell.rung.set()

    async def drain(self) -> None:
        """Claim nothing more; returns when no claim that was sent ahead can take anything any more.

        Such a claim hears the bell of the worker's own hand-over, and would take the session back.
        """
        self.claim_now()
        await self._asks_no_more.wait()

    async def end(self) -> None:
        """Call no more; returns when the answer to the call under way is there.

        What Redis has admitted in it is counted by nobody else.
        """
        self._ends = True
        self.claim_now()
        await self._has_ended.wait()

    async def _cycle(self) -> None:
        asked, suspects = self._slots.free, self._executor.held.suspects.slots
        may_wait = self._took_all_there_was and asked > 0
        if may_wait:
            asked = min(asked, self._slots.share)
        try:
            claim = await self._claim(asked, suspects, may_wait=may_wait)
        except NoLease:
            await self._begin_anew()
            return
        is_full = len(claim.sessions) >= asked
        # When there is more, the next call goes out at once, so that Redis works on it while the turns run. And the
        # suspect that was held may have ended during the call, and so may have rung in vain.
        has_more = self._bite.was_full(claim.admitted) or (is_full and asked > 0)
        has_more = has_more or self._executor.held.suspects.slots > suspects
        self._took_all_there_was = not has_more and not is_full
        self._take(claim)
        if self._slots.closed and not asked:
            self._asks_no_more.set()
        if is_full and not has_more and not self._ends:
            self._doorbell.arm()
            await self._slots.freed_or(self._doorbell.rung)

    async def _begin_anew(self) -> None:
        """Others have taken the sessions, or Redis has lost everything: go on when the heartbeat has a new lease."""
        self._took_all_there_was = False
        self._executor.lose_all()
        self._executor.registered.clear()
        if self._slots.closed:
            self._asks_no_more.set()
        if not self._ends:
            self._tell_no_lease()
            await self._executor.registered.wait()

    async def _claim(self, asked: int, suspects: int, *, may_wait: bool) -> Claim:
        self._op_number += 1
        number, losses = self._op_number, self._executor.losses
        claim = await self._answer_to(number, asked, suspects, may_wait=may_wait)
        while claim.sessions and losses != self._executor.losses:
            # The answer came so late that others have taken what it hands out, and may have begun it. The same number
            # again hands out what is still held in this worker's name.
            losses = self._executor.losses
            again = await self._outage.until_answered("claim", lambda: self._store.claim(number, asked, suspects))
            claim = claim._replace(sessions=again.sessions)
        return claim

    async def _answer_to(self, number: int, asked: int, suspects: int, *, may_wait: bool) -> Claim:
        try:
            claim = await self._sent_ahead(number, asked, suspects) if may_wait else None
            return claim or await self._outage.until_answered(
                "claim", lambda: self._admit_and_claim(number, min(asked, self._slots.free), suspects)
            )
        except QueueFull:
            # Redis takes no new work now; what it has accepted must drain.
            self._outage.failed("admit")
            return await self._outage.until_answered("claim", lambda: self._store.claim(number, asked, suspects))

    def _admit_and_claim(
        self, number: int, asked: int, suspects: int, wait_s: float = 0.0
    ) -> Coroutine[Any, Any, Claim]:
        return self._store.admit_and_claim(number, asked, suspects, bite=self._bite.size, wait_s=wait_s)

    async def _sent_ahead(self, number: int, asked: int, suspects: int) -> Claim | None:
        """Claim at the next sign of work; None when it is not known whether that came to pass: to be repeated."""
        try:
            return await self._unless_taken_back(self._admit_and_claim(number, asked, suspects, wait_s=BELL_WAIT_S))
        except CommandRefused as refusal:
            await self._outage.pause("doorbell")
            if refusal.code == "NOGROUP":
                await self._outage.until_answered("doorbell", self._store.bell.ensure_groups)
        except (NoLease, QueueFull):
            raise
        except QueueUnavailable:
            self._outage.failed("claim")
        return None

    async def _unless_taken_back(self, call: Coroutine[Any, Any, Claim]) -> Claim | None:
        """Await a claim that was sent ahead; None when `claim_now` was called meanwhile."""
        try:
            async with asyncio.timeout(None) as self._ahead:
                return await call
        except TimeoutError:
            return None
        finally:
            self._ahead = None  # at once: what follows an error takes time, and nothing is sent ahead by then

    def _take(self, claim: Claim) -> None:
        self._executor.start(claim.sessions)
        self._observers.health.claim_cycle()
        metrics = self._observers.metrics
        metrics.claim_cycle()
        if claim.sessions:
            metrics.slots(self._slots.used, self._slots.total)
        if claim.counted:
            metrics.admitted(claim.counted)
        if claim.redelivered:
            metrics.redelivered(claim.redelivered)
        for sid, key in claim.set_aside:
            self._observers.set_aside(sid, key)
