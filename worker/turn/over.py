"""What is left of a turn that has ended: nobody may write to it any more."""

from typing import Final, NoReturn, cast

from worker.definitions.errors import TurnOverError
from worker.turn.port import OpenTurn, TurnPort

_REASON = "this turn has ended: await what a tool starts before the tool returns"


class _Over:
    """Refuses whatever a task that a tool left running still asks of the lane."""

    def __getattr__(self, name: str) -> NoReturn:
        raise TurnOverError(_REASON)


_OVER: Final = cast("TurnPort", _Over())


def close(turn: OpenTurn) -> None:
    """End what anybody may do with a turn; what it made is on its way to the commit."""
    turn.port = _OVER
    turn.records = []


def still_open(turn: OpenTurn) -> OpenTurn:
    """Return the turn; raises `TurnOverError` once it was closed."""
    if turn.port is _OVER:
        raise TurnOverError(_REASON)
    return turn
