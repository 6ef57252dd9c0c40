"""A conversation of one message: a throw-away session, disposed at once (spec, section 4.5)."""

from schemas.requests import CompleteBody
from worker.core.outcome import Outcome
from worker.core.session import Session
from worker.turn import events
from worker.turn.dispose import tell_disposed
from worker.turn.execute import execute
from worker.turn.guard import survive, tell_opened
from worker.turn.limits import TookTooLongError, within
from worker.turn.navigation import active_agent
from worker.turn.operator import SHOWN, parking
from worker.turn.port import OpenTurn


async def complete(turn: OpenTurn, body: CompleteBody) -> Outcome:
    """Answer a message in a session that nobody else sees; the live session of the client is left alone."""
    live, opened, history = turn.session, turn.in_session, turn.records
    turn.session = throw_away = Session(
        client_id=live.client_id, swarm_name=live.swarm_name, default_agent=turn.swarm.default_agent
    )
    # A human who is asked answers to the client, whichever of its sessions the question comes from.
    throw_away.banned, throw_away.resolved = live.banned, live.resolved
    turn.payload, turn.in_session, turn.records = body.payload, True, []
    events.execution_begin(turn)
    try:
        return await _answered(turn, body.message)
    finally:
        turn.progress.spoken_by = active_agent(turn).name
        live.resolved = throw_away.resolved
        turn.session, turn.in_session, turn.records = live, opened, history


async def _answered(turn: OpenTurn, message: str) -> Outcome:
    try:
        if SHOWN not in turn.replay:
            await tell_opened(turn)
        return await execute(turn, message, "user")
    finally:
        # Also when the turn is cancelled or takes too long: whoever was told of the session is told of its end.
        if parking(turn) is None:
            await _told_of_the_end(turn)


async def _told_of_the_end(turn: OpenTurn) -> None:
    """Tell of the end within the time of a turn: where the turn took too long, no other limit is left around it."""
    try:
        await within(turn.swarm.turn_timeout_s, tell_disposed(turn, "complete"))
    except TookTooLongError as error:
        survive(turn, "callback_error", error)
