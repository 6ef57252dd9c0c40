"""Run the turns of claimed sessions: many sessions at once, the requests of each one after the other."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from functools import partial

import structlog

from worker.clock import monotonic
from worker.definitions.swarm import Swarm
from worker.errors import Fenced
from worker.lane.committer import Committer, Confirm
from worker.lane.held import HeldSession, LaneServices
from worker.lane.items import commit_item, void_item
from worker.lane.observers import Observers
from worker.lane.session_tasks import SessionTasks
from worker.lane.slots import Slots
from worker.lane.steps import Delayed, Ended, Step, Void, control_steps, mailbox_steps
from worker.lane.suspects import Suspects
from worker.lane.traced import begin_commit, end
from worker.lane.turns import TurnRunner
from worker.store.claims import ClaimedSession
from worker.store.commits import MAILBOX, OK, CommitStatus, FinishedTurn, HandBack
from worker.turn.together import COALESCE

log = structlog.get_logger(__name__)


class Executor:
    """The sessions that this worker holds in one shard."""

    def __init__(
        self,
        swarms: Mapping[str, Swarm],
        services: LaneServices,
        committer: Committer,
        runner: TurnRunner,
        places: tuple[Slots, Observers],
    ) -> None:
        """Run turns with `runner`, hand what they made to `committer`; the slots are shared by all shards."""
        self._swarms = swarms
        self._services = services
        self._committer = committer
        self._runner = runner
        self._slots, self._observers = places
        self.suspects = Suspects()
        self._tasks = SessionTasks(self._serve)
        self._emptied = asyncio.Event()
        self.held: dict[str, HeldSession] = {}
        self.registered = asyncio.Event()
        self.draining = self._hurries = False
        self.losses = 0  # how often others have taken everything

    def start(self, claimed: ClaimedSession) -> None:
        """Take a claimed session and run what waits in it."""
        earlier = self.held.get(claimed.sid)
        if earlier is not None:
            # Let go of, or handed back: the answer that says so comes over another connection, and may be later.
            self._forget(earlier)
        held = HeldSession(self._services, claimed, self._swarms[claimed.swarm_name])
        self.held[claimed.sid] = held
        self.suspects.took(held)
        self._slots.take()
        self._tasks.start(held)

    def lose_all(self) -> None:
        """Others have the sessions: stop every turn, write nothing any more."""
        self.losses += 1
        for held in list(self.held.values()):
            self._lose(held)

    async def emptied(self, within_s: float) -> None:
        """Wait until no session is held, `within_s` at most; `hurry` ends the wait."""
        self._emptied.clear()
        if self.held and not self._hurries:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), within_s)

    def hurry(self) -> None:
        """Wait for turns no longer, nor begin to."""
        self._hurries = True
        self._emptied.set()

    async def stop(self) -> list[HandBack]:
        """Cancel the turns under way and return what must be handed back: all sessions that are still held."""
        self._tasks.forget()
        tasks = [held.task for held in self.held.values() if held.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for held in list(self.held.values()):
            with contextlib.suppress(Fenced):
                await held.settled()
        return [held.hand_back() for held in self.held.values()]

    async def _serve(self, held: HeldSession) -> None:
        try:
            if held.claimed.control:
                await self._run_control_first(held)
            else:
                await self._run_some(held, mailbox_steps(held.claimed), is_all=True)
        except Fenced:
            self.give_up(held)
        except Exception:
            # A bug of ours. The session stays held, so nobody meets it again before this process ends.
            log.exception("session_stuck", sid=held.claimed.sid, fence=held.claimed.fence)
            raise

    async def _run_control_first(self, held: HeldSession) -> None:
        waiting = mailbox_steps(held.claimed)
        # A commit takes the head of its list, so control that comes now must not overtake what was claimed.
        async with held.control_lock:
            await self._run_some(held, control_steps(held.claimed), is_all=not waiting)
        if not held.letting_go:
            await self._run_some(held, waiting, is_all=True)

    async def _run_some(self, held: HeldSession, waiting: deque[Step], *, is_all: bool) -> None:
        while waiting:
            step, started = waiting.popleft(), monotonic()
            if step.is_forced_disposal:
                return await self._dispose_by_force(held, step)
            if step.request.when_busy == COALESCE:
                step = await _gathered(self._runner, held, step, waiting)
            ended = await self._runner.run(held, step)
            release = held.forced_disposal is None and (self.draining or (is_all and not waiting))
            if isinstance(ended, Ended):
                release = release or ended.finished.dispose
                self.submit(held, step, ended, started, release=release)
            elif isinstance(ended, Void):
                self.submit_void(held, step, release=release, wakes=ended.wakes)
            else:
                return await self._set_aside(held, step, ended)
            if release:
                return None
            if held.forced_disposal is not None:
                return await self._dispose_by_force(held, held.forced_disposal)
        return None

    async def _dispose_by_force(self, held: HeldSession, step: Step) -> None:
        """End the session at once: what waits in it is answered as cancelled and never runs."""
        started = monotonic()
        ended = await self._runner.run(held, step)
        for waiting in await self._runner.cancel_waiting(held):
            self.submit(held, *waiting, monotonic(), release=False)
        if isinstance(ended, Ended):
            self.submit(held, step, ended, started, release=True)
        else:
            self.submit_void(held, step, release=True)

    async def _set_aside(self, held: HeldSession, step: Step, delayed: Delayed) -> None:
        """Let a session wait in Redis, where it takes no slot."""
        if held.forced_disposal is not None:
            return await self._dispose_by_force(held, held.forced_disposal)
        held.letting_go = True
        await held.settled()
        if delayed.reason:
            self._observers.delayed(held, step.request.request_id, step.retries + 1, delayed)
        await self._services.releaser.hand_back((held.hand_back(delayed.wait_ms, is_parked=not delayed.reason),))
        self._forget(held)
        return None

    def submit(self, held: HeldSession, step: Step, ended: Ended, started: float, *, release: bool) -> None:
        """Commit what a request made; with `release` it is the last of this claim."""
        if ended.first is not None:
            self.submit(held, *ended.first, started, release=False)
        item = commit_item(held, step, ended, release=release)
        duration_s, now_ms = monotonic() - started, held.now_ms()
        wait_s = max(0.0, (now_ms - step.request.accepted_at_ms) / 1000 - duration_s)
        begin_commit(ended.turn)
        self._send(held, item, partial(self._committed, held, item, ended, (wait_s, duration_s)), now_ms)

    def submit_void(self, held: HeldSession, step: Step, *, release: bool, wakes: bool = False) -> None:
        """Take a request off its list that has nothing to say any more."""
        item = void_item(held, step, release=release, wakes=wakes)
        self._send(held, item, partial(self._confirmed, held, release), held.now_ms())

    def _send(self, held: HeldSession, item: FinishedTurn, confirm: Confirm, now_ms: int) -> None:
        held.unconfirmed += 1
        if item.release:
            held.letting_go = True
            # What a control request has changed in memory alone must not be remembered.
            if not item.dispose and not held.is_damaged and not held.beside:
                self._services.kept.keep(item.sid, held.session, now_ms)
        self._committer.submit(item, confirm)

    def _committed(
        self, held: HeldSession, item: FinishedTurn, ended: Ended, times_s: tuple[float, float], status: CommitStatus
    ) -> None:
        turn = ended.turn
        if turn.trace is not None:
            end(turn.trace, item, ended, status)
        if status is OK:
            self._observers.committed(held, item, ended, *times_s)
            if held.is_suspect and item.source is MAILBOX:
                self.suspects.clear(held)
            if turn.progress.shared:
                self._services.shared.committed(turn.request.request_id, turn.progress.shared)
        self._confirmed(held, item.release, status)

    def _confirmed(self, held: HeldSession, release: bool, status: CommitStatus) -> None:  # noqa: FBT001 - filled in before it is known
        held.confirmed()
        if status is not OK:
            self._observers.refused(held, status)
            self.give_up(held)
        elif release:
            self._forget(held)

    def give_up(self, held: HeldSession) -> None:
        """Stop a session of which a write was refused, and hand it back: it may still be held in this worker's name."""
        if not held.lost:
            self._lose(held)
            self._services.releaser.hand_back_soon(held.hand_back())

    def _lose(self, held: HeldSession) -> None:
        if not held.lost:
            held.lose()
            self._forget(held)

    def _forget(self, held: HeldSession) -> None:
        if self.held.get(held.claimed.sid) is held:
            del self.held[held.claimed.sid]
            self._slots.give()
            self.suspects.clear(held)
            if not self.held:
                self._emptied.set()


async def _gathered(runner: TurnRunner, held: HeldSession, step: Step, waiting: deque[Step]) -> Step:
    """Return the step with all that are answered together with it, which wait no longer by themselves."""
    step = await runner.gathered(held, step)
    for _ in range(min(len(step.together) - 1, len(waiting))):
        waiting.popleft()
    return step
