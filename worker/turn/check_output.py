"""The last room: whether a text may go out."""

from worker.core.outcome import Refused
from worker.turn.policies import OUTPUT, first_refusal
from worker.turn.port import OpenTurn


async def check_output(turn: OpenTurn, text: str) -> Refused | None:
    """Return the refusal of the first policy that says no to a text, None when it may go out."""
    return await first_refusal(turn, OUTPUT, text) if turn.swarm.policies else None
