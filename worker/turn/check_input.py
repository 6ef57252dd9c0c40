"""The first room: whether a message may come in."""

from collections.abc import Awaitable

from worker.core.outcome import Refused
from worker.turn.policies import first_refusal
from worker.turn.port import OpenTurn


def check_input(turn: OpenTurn, message: str) -> Awaitable[Refused | None] | None:
    """Return None when a message may come in at once, else what finds out which policy is the first to say no."""
    return first_refusal(turn, iter(turn.swarm.input_checks), message)
