"""How long a turn has waited for Redis or for its lease: time that is not counted by its limits."""

from worker.clock import monotonic


class Waits:
    """The waits of one turn; `with` it while the turn waits, several times at once if need be."""

    __slots__ = ("_begun", "_depth", "_ended_s")

    def __init__(self) -> None:
        """Begin without any."""
        self._begun = self._ended_s = 0.0
        self._depth = 0

    def __enter__(self) -> None:
        """Begin to wait."""
        if not self._depth:
            self._begun = monotonic()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        """Wait no more."""
        self._depth -= 1
        if not self._depth:
            self._ended_s += monotonic() - self._begun

    @property
    def total_s(self) -> float:
        """Return the seconds that were waited so far."""
        return self._ended_s + (monotonic() - self._begun if self._depth else 0.0)
