"""The last room: whether a text may go out."""

from collections.abc import Awaitable

from worker.core.outcome import Refused
from worker.turn.policies import OUTPUT, first_refusal
from worker.turn.port import OpenTurn


def check_output(turn: OpenTurn, text: str) -> Awaitable[Refused | None]:
    """Return the refusal of the first policy that says no to a text, None when it may go out."""
    return first_refusal(turn, OUTPUT, text)
