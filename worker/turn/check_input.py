"""The first room: whether a message may come in."""

from collections.abc import Awaitable

from worker.core.outcome import Refused
from worker.turn.policies import INPUT, first_refusal
from worker.turn.port import OpenTurn


def check_input(turn: OpenTurn, message: str) -> Awaitable[Refused | None]:
    """Return the refusal of the first policy that says no to a message, None when it may come in."""
    return first_refusal(turn, INPUT, message)
