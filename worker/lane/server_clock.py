"""An estimate of Redis' clock: its last known time plus what has passed since by the monotonic clock."""

from worker.clock import monotonic


class ServerClock:
    """Wall time of Redis in ms; deadlines of requests are judged by it, never by this machine's wall clock."""

    def __init__(self) -> None:
        """Begin at zero; the first renewal or claim sets it."""
        self._offset_ms = 0.0

    def set(self, now_ms: int) -> None:
        """Take Redis' time as it came with an answer just now."""
        self._offset_ms = now_ms - monotonic() * 1000

    def now_ms(self) -> int:
        """Return what Redis' clock shows now, within the delay of an answer."""
        return int(self._offset_ms + monotonic() * 1000)
