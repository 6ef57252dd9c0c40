"""Run the turns of claimed sessions: many sessions at once, the requests of each one after the other."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog

from worker.clock import monotonic
from worker.definitions.swarm import Swarm
from worker.errors import Fenced
from worker.lane.committer import Committer
from worker.lane.held import HeldSession, LaneServices
from worker.lane.held_sessions import HeldSessions
from worker.lane.items import Commit, commit_of, void_of
from worker.lane.observers import Observers
from worker.lane.session_tasks import SessionTasks
from worker.lane.slots import Slots
from worker.lane.steps import Delayed, Ended, Step, Void, control_steps, mailbox_steps
from worker.lane.turns import TurnRunner
from worker.store.claims import ClaimedSession
from worker.store.commits import CONTROL, MAILBOX, OK, CommitStatus, HandBack
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
        slots, self._observers = places
        self._tasks = SessionTasks(self._serve)
        self.held = HeldSessions(slots)
        self.registered = asyncio.Event()
        self.draining = False
        self.losses = 0  # how often others have taken everything

    def start(self, claimed: Iterable[ClaimedSession]) -> None:
        """Take claimed sessions and run what waits in them."""
        taken = [HeldSession(self._services, session, self._swarms[session.swarm_name]) for session in claimed]
        self.held.take(taken)
        self._tasks.start(taken)

    def lose_all(self) -> None:
        """Others have the sessions: stop every turn, write nothing any more."""
        self.losses += 1
        for held in list(self.held.values()):
            self._lose(held)

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
                await self._run_some(held, mailbox_steps(held.claimed))
        except Fenced:
            self.give_up(held)
        except Exception:
            # A bug of ours. The session stays held, so nobody meets it again before this process ends.
            log.exception("session_stuck", sid=held.claimed.sid, fence=held.claimed.fence)
            raise

    async def _run_control_first(self, held: HeldSession) -> None:
        waiting = mailbox_steps(held.claimed)
        # A commit takes the head of its list, so control that comes now must not overtake what was claimed.
        async with held.controlled().lock:
            await self._run_some(held, control_steps(held.claimed), waiting)
        if not held.letting_go:
            await self._run_some(held, waiting)

    async def _run_some(self, held: HeldSession, waiting: deque[Step], behind: Collection[Step] = ()) -> None:
        """Run what waits; the last lets go of the session, if nothing stands `behind` it."""
        while waiting:
            step = waiting.popleft()
            held.silent_since = started = monotonic()
            if step.source is CONTROL and step.is_forced_disposal:  # a property costs as much as five comparisons
                return await self._dispose_by_force(held, step)
            if step.request.when_busy == COALESCE:
                step = await _gathered(self._runner, held, step, waiting)
            ended = await self._runner.run(held, step)
            release = held.forced_disposal is None and (self.draining or not (waiting or behind))
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
        self.held.let_go((held,))
        return None

    def submit(self, held: HeldSession, step: Step, ended: Ended, started: float, *, release: bool) -> None:
        """Commit what a request made; with `release` it is the last of this claim."""
        if ended.first is not None:
            self.submit(held, *ended.first, started, release=False)
        duration_s, now_ms = monotonic() - started, held.now_ms()
        wait_s = (now_ms - step.request.accepted_at_ms) / 1000 - duration_s
        commit = commit_of(held, step, ended, (wait_s if wait_s > 0 else 0.0, duration_s), release)
        if ended.turn.trace is not None:
            ended.turn.trace.committing()
        self._send(commit, now_ms)

    def submit_void(self, held: HeldSession, step: Step, *, release: bool, wakes: bool = False) -> None:
        """Take a request off its list that has nothing to say any more."""
        self._send(void_of(held, step, release=release, wakes=wakes), held.now_ms())

    def _send(self, commit: Commit, now_ms: int) -> None:
        held = commit.held
        held.unconfirmed += 1
        if commit.release:
            held.letting_go = True
            # What a control request has changed in memory alone must not be remembered.
            is_true = held.control is None or not held.control.is_busy
            is_gone = commit.ended is not None and commit.ended.finished.dispose
            if is_true and not is_gone and not held.is_damaged:
                self._services.kept.keep(held.claimed.sid, held.session, now_ms)
        self._committer.submit(commit)

    def committed(self, commits: Sequence[Commit], statuses: Sequence[CommitStatus]) -> None:
        """Take the answer to a commit call: count what is written, let go of what that released, give up the rest."""
        answered = [*zip(commits, statuses, strict=True)]
        written = [commit for commit, status in answered if status is OK]
        self._observers.committed(written)
        for commit in written:
            held, ended = commit.held, commit.ended
            if ended is not None:
                if held.claimed.is_suspect and commit.step.source is MAILBOX:
                    self.held.suspects.clear(held)
                if ended.turn.progress.shared:
                    self._services.shared.committed(commit.step.request.request_id, ended.turn.progress.shared)
            held.confirmed()
        self.held.let_go([commit.held for commit in written if commit.release])
        if len(written) < len(commits):
            self._refused([(commit, status) for commit, status in answered if status is not OK])

    def _refused(self, refused: Iterable[tuple[Commit, CommitStatus]]) -> None:
        for commit, status in refused:
            commit.held.confirmed()
            self._observers.refused(commit, status)
            self.give_up(commit.held)

    def give_up(self, held: HeldSession) -> None:
        """Stop a session of which a write was refused, and hand it back: it may still be held in this worker's name."""
        if not held.lost:
            self._lose(held)
            self._services.releaser.hand_back_soon(held.hand_back())

    def _lose(self, held: HeldSession) -> None:
        if not held.lost:
            held.lose()
            self.held.let_go((held,))


async def _gathered(runner: TurnRunner, held: HeldSession, step: Step, waiting: deque[Step]) -> Step:
    """Return the step with all that are answered together with it, which wait no longer by themselves."""
    step = await runner.gathered(held, step)
    for _ in range(min(len(step.together) - 1, len(waiting))):
        waiting.popleft()
    return step
