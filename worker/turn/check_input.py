"""The first room: whether a message may come in."""

from worker.core.outcome import Refused
from worker.turn.policies import INPUT, first_refusal
from worker.turn.port import OpenTurn


async def check_input(turn: OpenTurn, message: str) -> Refused | None:
    """Return the refusal of the first policy that says no to a message, None when it may come in."""
    return await first_refusal(turn, INPUT, message) if turn.swarm.policies else None
