"""Apply control requests to a session while its turn runs: they must not wait behind it."""

import asyncio
import signal
from collections.abc import Iterable

from schemas.keyspace import WORKER_DRAIN, WORKER_QUIET
from schemas.requests import RequestKind
from worker.clock import monotonic
from worker.core.request import AdmittedRequest
from worker.errors import Fenced, QueueUnavailable
from worker.lane.executor import Executor
from worker.lane.held import ControlLine, HeldSession
from worker.lane.outage import Outage
from worker.lane.steps import SIGNALS, Step
from worker.lane.turns import TurnRunner
from worker.store.commits import Source
from worker.store.shard import ShardStore
from worker.turn.operator import due_of
from worker.turn.port import OpenTurn
from worker.turn.progress import Parked

#: what an operator may publish on the channel of a worker instead of a sid, and the signal that does the same
ORDERS = {WORKER_QUIET: signal.SIGUSR1, WORKER_DRAIN: signal.SIGTERM}


class Control:
    """Reads the control lists of held sessions when a hint comes, and applies each entry once."""

    def __init__(self, store: ShardStore, outage: Outage, executor: Executor, runner: TurnRunner) -> None:
        """Read through `store`; turns of control requests are run by `runner` and committed by `executor`."""
        self._store = store
        self._outage = outage
        self._executor = executor
        self._runner = runner
        self._tasks: set[asyncio.Task[None]] = set()

    def hinted(self, sids: Iterable[str]) -> None:
        """Look after these held sessions soon; hints may come twice or for sessions that are gone."""
        for sid in set(sids):
            held = self._executor.held.get(sid)
            if held is not None and not held.letting_go:
                task = asyncio.create_task(self._apply_all(held))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def listen(self) -> None:
        """Take hints from the worker's own channel for ever; what is missed meanwhile comes with other answers."""
        while True:
            try:
                async for hint in self._store.hints():
                    if hint in ORDERS:
                        signal.raise_signal(ORDERS[hint])
                    self.hinted((hint,))
            except QueueUnavailable:
                await self._outage.pause("hints")
            # Whatever was published while nobody listened is lost: look after everything that runs.
            self.hinted(tuple(self._executor.held))

    async def _apply_all(self, held: HeldSession) -> None:
        line = held.controlled()
        async with line.lock:
            requests = await self._outage.until_answered("control", lambda: self._store.control_of(held.claimed.sid))
            try:
                for request in requests:
                    if held.letting_go or held.forced_disposal is not None:
                        break  # the rest is for the next holder
                    if request.kind == RequestKind.OPERATOR_ANSWER and _parks_again(held):
                        break  # for the next holder, when nothing of the turn is under way
                    if request.request_id not in line.seen:
                        line.seen.add(request.request_id)
                        await self._apply(held, line, request)
            except Fenced:
                self._executor.give_up(held)

    async def _apply(self, held: HeldSession, line: ControlLine, request: AdmittedRequest) -> None:
        running, step, started = held.turn, Step(Source.CONTROL, request, 1), monotonic()
        if running is not None and running.request.kind == RequestKind.DISPOSE and not step.is_forced_disposal:
            # It has no answer to cancel or to replace. Cut short, it would tell some of the callbacks that the session
            # ended and others never.
            running = None
        if request.kind in SIGNALS:
            if running is not None and _first_of(running).request_id.encode() == request.body:
                end_turn(held, running, request.kind)
            self._executor.submit_void(held, step, release=False)
            return
        if step.is_forced_disposal:
            held.forced_disposal = step
            if running is not None:
                end_turn(held, running, "dispose")
            return
        was_to_end = running is not None and running.cancelled_by
        line.is_busy = True
        ended = await self._runner.run_beside(held, step, running)
        if held.letting_go:
            return  # the session was let go meanwhile: its next holder does it
        line.is_busy = False
        self._executor.submit(held, step, ended, started, release=False)
        if running is not None and running is held.turn and running.cancelled_by and not was_to_end:
            end_turn(held, running, running.cancelled_by)


def _parks_again(held: HeldSession) -> bool:
    """Park the running turn if it waits for an answer: what wakes a turn comes while it is not running."""
    running = held.turn
    due_ms = 0 if running is None else due_of(running)
    if running is None or not due_ms:
        return False
    if running.parked is None and held.task is not None:
        running.parked = Parked(until_ms=due_ms)
        held.task.cancel()
    return True


def _first_of(running: OpenTurn) -> AdmittedRequest:
    """Return the request at the head of the mailbox, by which a signal knows the running turn."""
    return running.together[0].request if running.together else running.request


def end_turn(held: HeldSession, running: OpenTurn, reason: str) -> None:
    """End the running turn of a session from outside; its task finds out by being cancelled."""
    running.cancelled_by = reason
    if held.task is not None:
        held.task.cancel()
