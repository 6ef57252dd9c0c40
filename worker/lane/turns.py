"""Decide how one claimed request goes: buried, expired, called off or through the rooms of a turn."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

import structlog

from worker.clock import backoff_s
from worker.core.outcome import Failed, Replied
from worker.core.request import AdmittedRequest
from worker.errors import Fenced
from worker.lane.held import HeldSession, LiveOutput
from worker.lane.outage import Outage
from worker.lane.steps import INTERNAL, SIGNALS, Delayed, Ended, Step, Void
from worker.lane.traced import abandon, begin, park, traced
from worker.store.commits import Source
from worker.store.shard import ShardStore
from worker.turn.corridor import bury, cancel, expire, finish_interrupted, open_turn, take_turn
from worker.turn.finish import finish, finish_unstarted
from worker.turn.operator import SHOWN, end_parked, parking, pending_question
from worker.turn.port import Finished, OpenTurn, Postponed, Tries
from worker.turn.progress import Parked
from worker.turn.together import MARK, MAX_REQUESTS, Together, run_of

if TYPE_CHECKING:
    from worker.observe.tracing import Tracing

log = structlog.get_logger(__name__)

#: a head whose deadline comes first is looked at so much after it, since the clock of Redis is known roughly
LATE_MS = 50

#: kinds of requests that take more than a turn, or less
UNUSUAL: Final = SIGNALS | {"dispose", "cancel-output"}

DAMAGED = Failed("agent_error", "what is stored of this session can't be read; dispose it to begin afresh", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRules:
    """How often a request is begun: by workers that die, and after errors that may be gone later."""

    max_attempts: int
    retry_max_attempts: int
    retry_first_s: float
    retry_most_s: float


class TurnRunner:
    """Runs steps of held sessions."""

    def __init__(
        self, store: ShardStore, outage: Outage, rules: AttemptRules, tracing: "Tracing | None" = None
    ) -> None:
        """Bury what was claimed too often."""
        self._tracing = tracing
        self._store = store
        self._outage = outage
        self._rules = rules
        self._first = Tries(left=max(0, rules.retry_max_attempts - 1))

    def run(self, held: HeldSession, step: Step) -> Coroutine[Any, Any, Ended | Delayed | Void]:
        """Return what becomes of the step: an end to commit, or another try later; raises `Fenced`."""
        if step.request.kind in UNUSUAL or held.claimed.attempts > 1:
            return self._run_with_care(held, step)
        return self._run(held, step)

    async def _run_with_care(self, held: HeldSession, step: Step) -> Ended | Delayed | Void:
        request = step.request
        if request.kind in SIGNALS:
            return Void(wakes=_ends_parked(held, step))
        if request.kind == "dispose" and not await self._may_dispose(held, request):
            return Void()
        if held.claimed.attempts > 1:
            # Something here may kill workers: the next loss must be charged to the request that runs then, and to none
            # before it whose commit was still on its way.
            await held.settled()
        ended = await self._run(held, step)
        return await self._ended(held, step, ended) if isinstance(ended, Ended) else ended

    async def _run(self, held: HeldSession, step: Step) -> Ended | Delayed:
        turn = self._opened(held, step)
        finished = self._unrun(held, step, turn)
        if finished is None:
            held.turn = turn
            if held.live is not None:
                held.live.begin()
            try:
                finished = await (take_turn(turn) if turn.trace is None else traced(turn))
            except BaseException as error:
                finished = _ended_by(held, turn, error)
                if finished is None:
                    abandon(turn, type(error).__name__)
                    raise
            finally:
                # The turn has its end: control that comes from here on must not give it another one.
                held.turn = None
            if turn.parked is not None and (parked := parking(turn)):
                held.letting_go, finished = True, parked
            if held.live is not None:
                await _all_out(held, turn, held.live)
        if isinstance(finished, Finished):
            return Ended(turn, finished)
        park(turn)
        return self._delayed(held, step, finished)

    def _delayed(self, held: HeldSession, step: Step, waiting: Parked | Postponed) -> Delayed:
        if isinstance(waiting, Parked):
            return Delayed(max(1, waiting.until_ms - held.now_ms()))
        rules, deadline_ms = self._rules, step.request.deadline_ms
        wait_s = backoff_s(step.retries, first_s=rules.retry_first_s, most_s=rules.retry_most_s)
        wait_ms = int(1000 * max(wait_s, min(waiting.after_s or 0, rules.retry_most_s)))
        if deadline_ms is not None:
            wait_ms = min(wait_ms, deadline_ms + LATE_MS - held.now_ms())  # then it is answered as expired
        return Delayed(max(1, wait_ms), waiting.message)

    def _opened(self, held: HeldSession, step: Step) -> OpenTurn:
        started = step.attempt + step.handbacks + step.retries
        turn = open_turn(held, held.swarm, held.session, step.request, started)
        turn.tries = self._first if started == step.attempt else self._tries(step)
        if self._tracing is not None:
            begin(self._tracing, held, step, turn)
        if held.claimed.stored.journal:
            _recall(turn, step, held.claimed.stored.journal)
        if step.together:
            turn.together, turn.journal = step.together, {MARK: step.together[0].request.request_id}
        return turn

    def _tries(self, step: Step) -> Tries:
        return Tries(step.handbacks, step.retries, max(0, self._rules.retry_max_attempts - step.retries - 1))

    def _unrun(self, held: HeldSession, step: Step, turn: OpenTurn) -> Finished | None:
        """Return the end of a request that is not to be run, None when it is."""
        if step.attempt > self._rules.max_attempts:
            return bury(turn)
        if (
            step.request.deadline_ms is not None
            and not step.together
            and SHOWN not in turn.replay
            and _is_late(held, step.request)
        ):
            return expire(turn)
        if held.is_damaged and step.request.kind != "dispose":
            return finish_unstarted(turn, DAMAGED)
        return None

    async def gathered(self, held: HeldSession, step: Step) -> Step:
        """Return the step with all that wait behind it to be answered together with it; raises `Fenced`."""
        claimed = held.claimed
        # Tried often: from here on each alone, so that the one that kills workers is found and buried, and no other.
        tried_often = 1 < claimed.attempts >= self._rules.max_attempts
        if tried_often or held.is_damaged or _is_late(held, step.request):
            return step
        await held.settled()
        requests = await self._outage.until_answered(
            "coalesce", lambda: self._store.mailbox_of(claimed.sid, MAX_REQUESTS)
        )
        run = _begun(run_of(requests), claimed.stored.journal)
        if not run or run[0].request.request_id != step.request.request_id:
            return step
        return replace(step, request=run[-1].request, together=run)

    async def run_beside(self, held: HeldSession, step: Step, running: OpenTurn | None) -> Ended:
        """Handle a control request while `running`, if it still does, goes on; raises `Fenced`."""
        turn = open_turn(held, held.swarm, held.session, step.request, step.attempt, running)
        begin(self._tracing, held, step, turn)
        finished = cast("Finished", await traced(turn))  # only a turn that may be tried again is postponed
        ended = Ended(turn, finished)
        return ended if running is not None else await self._ended(held, step, ended)

    async def _ended(self, held: HeldSession, step: Step, ended: Ended) -> Ended:
        """Add the end of the head that waits for its retry, where a `cancel-output` found no turn to end."""
        is_heard = step.request.kind == "cancel-output" and isinstance(ended.finished.outcome, Replied)
        if not is_heard or not held.waits_for_retry:
            return ended
        held.controlled().has_called_off = True
        await held.settled()
        sid, retries = held.claimed.sid, held.claimed.stored.retries
        (head,) = await self._outage.until_answered("cancel", lambda: self._store.mailbox_of(sid, 1))
        turn = open_turn(held, held.swarm, held.session, head, retries)
        first = Step(Source.MAILBOX, head, 1, retries=retries), Ended(turn, cancel(turn, "cancel-output"))
        return replace(ended, finished=replace(ended.finished, wakes=True), first=first)

    async def cancel_waiting(self, held: HeldSession) -> list[tuple[Step, Ended]]:
        """Return the end of every request that waits in the mailbox of a session which is disposed by force."""
        await held.settled()
        sid = held.claimed.sid
        requests = await self._outage.until_answered("dispose", lambda: self._store.mailbox_of(sid))
        steps = [Step(Source.MAILBOX, request, 1) for request in requests]
        turns = [open_turn(held, held.swarm, held.session, step.request, step.attempt) for step in steps]
        return [(step, Ended(turn, cancel(turn, "dispose"))) for step, turn in zip(steps, turns, strict=True)]

    async def _may_dispose(self, held: HeldSession, request: AdmittedRequest) -> bool:
        """Take the step that disposal can't be called off after."""
        await held.settled()
        claimed = held.claimed
        by_ttl = request.request_id.startswith(INTERNAL)
        verdict = await self._outage.until_answered(
            "dispose", lambda: self._store.begin_dispose(claimed.sid, claimed.fence, may_call_off=by_ttl)
        )
        if verdict == "fenced":
            raise Fenced(claimed.sid)
        return verdict == "disposing"


def _is_late(held: HeldSession, request: AdmittedRequest) -> bool:
    return request.deadline_ms is not None and held.now_ms() > request.deadline_ms


def _begun(run: list[Together], journal: Mapping[str, str]) -> list[Together]:
    """Return what an earlier attempt answered together, or the whole run if there was none."""
    marks = (n for n, one in enumerate(run, 1) if f"{one.request.request_id}/{MARK}" in journal)
    return run[: next(marks, len(run))] if journal else run


def _ends_parked(held: HeldSession, step: Step) -> bool:
    """Let a signal end the parked turn that it is meant for; tell whether there was one."""
    journal = held.claimed.stored.journal
    question = pending_question(journal)
    request_id = question.partition("/")[0]
    if not question or journal.get(f"{request_id}/{MARK}", request_id).encode() != step.request.body:
        return False
    turn = open_turn(held, held.swarm, held.session, step.request, 1)
    turn.parked = Parked(question)
    return end_parked(turn, step.request.kind)


def _ended_by(held: HeldSession, turn: OpenTurn, error: BaseException) -> Finished | Parked | None:
    """Return how a turn ended that raised, None when it has no end here: the error is to be raised again."""
    if isinstance(error, asyncio.CancelledError):
        was_asked_for = _forget_cancellation()
        if held.lost or (was_asked_for and not turn.cancelled_by and not parking(turn)):
            return None  # the whole session is meant, or the process ends
        return _cut_short(held, turn, error)
    # Code of users may raise our own errors as well: then nobody has taken the session from us.
    if (isinstance(error, Fenced) and held.is_over) or (isinstance(error, GeneratorExit) and _is_torn_down()):
        return None
    return _crashed(held, turn, error)


async def _all_out(held: HeldSession, turn: OpenTurn, live: LiveOutput) -> None:
    try:
        await held.all_out(live)
    except BaseException as error:
        abandon(turn, type(error).__name__)
        raise


def _cut_short(held: HeldSession, turn: OpenTurn, error: asyncio.CancelledError) -> Finished | Parked:
    """Return how a turn ended whose task was cancelled: from outside, by itself, or by code that had no right to."""
    if turn.cancelled_by:
        return finish_interrupted(turn)
    return parking(turn) or _crashed(held, turn, error)


def _recall(turn: OpenTurn, step: Step, journal: Mapping[str, str]) -> None:
    """Let the turn know what was noted before: by earlier attempts, or by the parked turn that it is about."""
    question = pending_question(journal) if step.source is Source.CONTROL else ""
    if question:
        turn.parked = Parked(question)
        turn.in_session = True  # although its first turn may be the one that is parked
    turn.replay = _journal_of(step.request.request_id, journal)
    turn.events_flushed = int(turn.replay.get(SHOWN, "0"))


def _journal_of(request_id: str, journal: Mapping[str, str]) -> dict[str, str]:
    """Return what an earlier attempt of this request left behind, without the request id."""
    prefix = f"{request_id}/"
    return {name.removeprefix(prefix): value for name, value in journal.items() if name.startswith(prefix)}


def _forget_cancellation() -> bool:
    """Let the task of a session go on; tell whether anybody had cancelled it, or the turn just raised such an error."""
    task = asyncio.current_task()
    was_asked_for = task is not None and task.cancelling() > 0
    while task is not None and task.uncancel():
        pass
    return was_asked_for


def _is_torn_down() -> bool:
    """Tell whether the process drops a turn that it can't end any more: then nothing runs."""
    try:
        return asyncio.current_task() is None
    except RuntimeError:
        return True


def _crashed(held: HeldSession, turn: OpenTurn, error: BaseException) -> Finished:
    """End a turn by what no room foresaw: a bug of ours, `sys.exit()` in a tool, a `CancelledError` of an agent's own.

    The sender must not wait for ever, and the worker must not end.
    """
    log.error("turn_crashed", sid=held.claimed.sid, request_id=turn.request.request_id, exc_info=error)
    message = f"the turn crashed by {type(error).__name__}; the log of the worker says where"
    return finish(turn, Failed("agent_error", message, ""))
