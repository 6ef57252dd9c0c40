"""The corridor: one request is opened, carried through its rooms, and finished for the commit."""

from collections.abc import Awaitable
from typing import Final

from schemas.errors import BadRequest
from schemas.requests import CONTROL_LANE, OPENING_KINDS, Body, GuardedBody, parse_body
from worker.core.json_text import quote
from worker.core.outcome import Cancelled, Expired, Failed, Outcome, Replied, Skipped
from worker.core.request import AdmittedRequest
from worker.core.session import Session
from worker.definitions.swarm import Swarm
from worker.turn import events
from worker.turn.execute import execute_in_tool
from worker.turn.finish import finish, finish_unstarted
from worker.turn.guard import tell_opened
from worker.turn.handle.live_turn import face
from worker.turn.journal import write
from worker.turn.kinds import ROOMS
from worker.turn.limits import TookTooLongError, within
from worker.turn.navigation import active_agent
from worker.turn.operator import SHOWN
from worker.turn.over import close
from worker.turn.port import Finished, OpenTurn, Postponed, Rooms, TurnPort
from worker.turn.recover import placeholder
from worker.turn.retry import PostponedError
from worker.turn.stateless import run_in_tool

_DOORS: Final = Rooms(execute=execute_in_tool, run=run_in_tool, face=face)


def open_turn(
    port: TurnPort,
    swarm: Swarm,
    session: Session,
    request: AdmittedRequest,
    attempt: int,
    beside: OpenTurn | None = None,
) -> OpenTurn:
    """Open the turn of a request; `beside` is the turn that runs in the session while this control request comes.

    A control request uses up no turn number: it has the number of the turn beside it, or of the last one.
    """
    number = session.turn if request.kind in CONTROL_LANE else session.turn + 1
    if beside is not None:
        number = beside.number
    return OpenTurn(port, swarm, session, request, _DOORS, number, attempt, beside)


async def take_turn(turn: OpenTurn) -> Finished | Postponed:
    """Carry one claimed request to its end; never raises for what a request or an agent does wrong.

    Returns `Postponed` only for a turn that may be tried again, see `OpenTurn.retries`; what it has finished is on
    record then.

    Raises `Fenced` when the session has a younger holder, `QueueUnavailable` when Redis is lost for good, and lets
    cancellation through: the lane then drops the turn, hands it back, or ends it with `finish_interrupted`.
    """
    request = turn.request
    if request.deadline_ms is not None and not turn.together and turn.port.now_ms() > request.deadline_ms:
        return expire(turn)
    try:
        body = parse_body(request.kind, request.body)
    except BadRequest as fault:
        return finish_unstarted(turn, Failed("bad_request", str(fault), "", "bad_request"))
    try:
        outcome = await within(turn.swarm.turn_timeout_s, _room_for(turn, body), turn.waiting)
    except TookTooLongError:
        message = f"the turn took longer than {turn.swarm.turn_timeout_s:g} s"
        outcome = Failed("turn_timeout", message, placeholder(turn))
    except PostponedError as error:
        if not turn.cancelled_by:
            await write(turn)
            close(turn)
            return error.postponed
        return finish_interrupted(turn)
    return finish_interrupted(turn) if turn.cancelled_by else finish(turn, outcome)


def _room_for(turn: OpenTurn, body: Body) -> Awaitable[Outcome]:
    opens = turn.session.turn == 0 and turn.swarm.tells_init and turn.request.kind in OPENING_KINDS
    if opens and SHOWN not in turn.replay:
        return _opened(turn, body)
    return _entered(turn, body)


def _entered(turn: OpenTurn, body: Body) -> Awaitable[Outcome]:
    if isinstance(body, GuardedBody) and body.agent_name is not None and _is_for_another(turn, body.agent_name):
        return _skipped(body.agent_name)
    return ROOMS[turn.request.kind](turn, body)


def _is_for_another(turn: OpenTurn, agent_name: str) -> bool:
    # Of requests that are answered together each is asked about by itself.
    return not turn.together and agent_name != active_agent(turn).name


async def _skipped(agent_name: str) -> Outcome:
    return Skipped(agent_name)


async def _opened(turn: OpenTurn, body: Body) -> Outcome:
    await tell_opened(turn)
    return await _entered(turn, body)


def finish_interrupted(turn: OpenTurn) -> Finished:
    """End a turn that was to end (`cancelled_by`), after the lane cancelled its task.

    An emit takes the place of the answer; everything else ends the turn as cancelled. What the turn put into the
    history stays, but for `rollback`. The output policies are not asked again: an emit has passed them.
    """
    result = turn.substituted or ""
    if turn.progress.answering is not None:
        events.output_awaited(turn, result)
        message, mode = turn.progress.answering
        events.executed(turn, quote(message), mode, result)
    return finish(turn, Cancelled(turn.cancelled_by) if turn.substituted is None else Replied(result))


def expire(turn: OpenTurn) -> Finished:
    """End a request that was reached after its deadline."""
    return finish_unstarted(turn, Expired(turn.request.deadline_ms or 0))


def cancel(turn: OpenTurn, reason: str) -> Finished:
    """End a request that waited behind something that ended it: `dispose`, `rollback`."""
    return finish_unstarted(turn, Cancelled(reason))


def bury(turn: OpenTurn) -> Finished:
    """End a request that was tried too often: it most likely kills the workers that run it."""
    message = f"the request was started {turn.attempt} times and never finished"
    return finish(turn, Failed("attempts_exhausted", message, placeholder(turn), "attempts_exhausted"))
