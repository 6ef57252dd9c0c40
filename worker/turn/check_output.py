"""The last room: whether a text may go out."""

from collections.abc import Awaitable

from worker.core.outcome import Refused
from worker.turn.policies import first_refusal
from worker.turn.port import OpenTurn


def check_output(turn: OpenTurn, text: str) -> Awaitable[Refused | None] | None:
    """Return None when a text may go out at once, else what finds out which policy is the first to say no."""
    return first_refusal(turn, iter(turn.swarm.output_checks), text)
