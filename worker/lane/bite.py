"""How many entries one claim admits: few, so that Redis works on the next ones while these turns run.

With a hundred requests under way small bites keep worker and Redis busy at once. With a thousand there is always enough
to do, and what a call costs by itself weighs more.
"""

from typing import Final

from worker.store.shard import BITE

LARGE_BITE: Final = 2 * BITE
#: so many full bites one after the other mean that a backlog is there
A_BACKLOG: Final = 6


class Bite:
    """The bite of the next claim."""

    def __init__(self) -> None:
        """Begin small."""
        self._full_in_a_row = 0

    @property
    def size(self) -> int:
        """Return how many entries the next claim may admit."""
        return LARGE_BITE if self._full_in_a_row >= A_BACKLOG else BITE

    def was_full(self, admitted: int) -> bool:
        """Take note of what a claim of this size has admitted; tell whether there may be more."""
        is_full = admitted >= self.size
        self._full_in_a_row = self._full_in_a_row + 1 if is_full else 0
        return is_full
