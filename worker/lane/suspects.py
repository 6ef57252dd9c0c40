"""Sessions that may hold the request that kills workers: one at a time, or they would take each other down."""

from collections.abc import Callable

from worker.lane.held import HeldSession


class Suspects:
    """The suspects that this worker holds in one shard."""

    def __init__(self) -> None:
        """Begin with none."""
        self._held: set[HeldSession] = set()
        self._tell: Callable[[], None] | None = None

    @property
    def slots(self) -> int:
        """Return how many suspects may be claimed."""
        return 0 if self._held else 1

    def on_cleared(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever a suspect was cleared or ended: the next one may be waiting, and nobody rings for it."""
        self._tell = tell

    def took(self, held: HeldSession) -> None:
        """Take note of a suspect that was claimed."""
        self._held.add(held)

    def clear(self, held: HeldSession) -> None:
        """Take note that the head of a suspect has ended, or that it has left; what follows is no suspect.

        Only the head had been tried before: what waits behind it is no more suspect than anything else.
        """
        if held in self._held:
            self._held.remove(held)
            if self._tell is not None:
                self._tell()
