"""The end of a session: callbacks of the swarm, of each agent, of each state, then the event (spec, section 10)."""

from pydantic_core import from_json

from schemas.requests import DisposeBody
from worker.core.outcome import Outcome, Replied
from worker.turn import events
from worker.turn.guard import tell
from worker.turn.port import OpenTurn


async def dispose(turn: OpenTurn, _body: DisposeBody) -> Outcome:
    """End the session of this turn; with `force` the turn beside it is to end as cancelled."""
    if turn.beside is not None and not turn.beside.cancelled_by:
        turn.beside.cancelled_by = "dispose"
    if turn.in_session:
        await tell_disposed(turn, _reason(turn))
    return Replied("")


async def tell_disposed(turn: OpenTurn, reason: str) -> None:
    """Tell everybody who wants to know that the session ends: `ttl`, `request`, `force` or `complete`."""
    try:
        await _tell_all(turn)
    finally:
        # Also when a callback takes longer than a turn may: the session ends all the same.
        events.session_event(turn, "dispose", {"reason": reason})


async def _tell_all(turn: OpenTurn) -> None:
    if turn.swarm.callbacks.on_dispose is not None:
        await tell(turn, turn.session.active_agent, turn.swarm.callbacks.on_dispose)
    for agent in turn.swarm.agents:
        if agent.callbacks.on_dispose is not None:
            await tell(turn, agent.name, agent.callbacks.on_dispose)
    for state in turn.swarm.own_states:
        if state.callbacks.on_dispose is not None:
            await tell(turn, turn.session.active_agent, state.callbacks.on_dispose, state.name)


def _reason(turn: OpenTurn) -> str:
    if turn.request.force:
        return "force"
    # Only the sweep writes a reason; the body was checked before, so it is an object.
    return "ttl" if from_json(turn.request.body).get("reason") == "ttl" else "request"
