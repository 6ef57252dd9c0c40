"""The handle itself: everything that a tool or callback may do with its turn."""

from worker.definitions.turn import Turn
from worker.turn.handle.committing import Committing
from worker.turn.handle.keeping import Keeping
from worker.turn.handle.navigating import Navigating
from worker.turn.handle.recalling import Recalling
from worker.turn.handle.speaking import Speaking
from worker.turn.port import OpenTurn


class LiveTurn(Speaking, Navigating, Committing, Recalling, Keeping):
    """One turn in the hands of one tool call or callback."""

    __slots__ = ()


def face(turn: OpenTurn, agent_name: str) -> Turn:
    """Return what a tool or callback is handed; `agent_name` is whom it is about."""
    return LiveTurn(turn, agent_name)
