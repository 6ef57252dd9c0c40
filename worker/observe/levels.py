"""What goes up and down: figures of one process, which end with it, and the last sample of the whole cluster."""

import math

from worker.clock import monotonic
from worker.core.cluster_sample import ClusterSample
from worker.observe.catalogue import CLUSTER_GAUGES
from worker.observe.sheet import Sheet

#: the worst lag is kept for one to two of these: a scraper looks only now and then
LAG_WINDOW_S = 15.0
#: how often the event loop is expected to report its lag
BEAT_S = 0.25
#: three rounds of sampling
SAMPLE_FRESH_S = 20.0


class Levels:
    """Gauges of one process; a parent reads those of its children."""

    __slots__ = ("_row",)

    IS_RUNNING, SLOTS_USED, SLOTS_TOTAL, BEAT_AT, WINDOW_AT, WORST_S, WORST_BEFORE_S = range(7)

    def __init__(self, sheet: Sheet) -> None:
        """Look at the levels on a sheet; they belong to no process until one begins."""
        self._row = sheet.row(("levels",), 7)

    def begin(self) -> None:
        """Start from zero: a predecessor may have left its levels."""
        for index in range(len(self._row)):
            self._row[index] = 0.0
        self._row[self.IS_RUNNING] = 1.0

    def end(self) -> None:
        """Show the levels no more: the process is gone."""
        self._row[self.IS_RUNNING] = 0.0

    @property
    def are_shown(self) -> bool:
        """Tell whether the process runs."""
        return self._row[self.IS_RUNNING] > 0

    def slots(self, used: int, total: int) -> None:
        """Set how many sessions are held, of how many at most."""
        self._row[self.SLOTS_USED] = used
        self._row[self.SLOTS_TOTAL] = total

    @property
    def used(self) -> float:
        """Return how many sessions are held."""
        return self._row[self.SLOTS_USED]

    @property
    def available(self) -> float:
        """Return how many more could be held."""
        return max(0.0, self._row[self.SLOTS_TOTAL] - self._row[self.SLOTS_USED])

    def loop_lag(self, seconds: float) -> None:
        """Note how late the event loop was."""
        row, now = self._row, monotonic()
        row[self.BEAT_AT] = now
        if now - row[self.WINDOW_AT] > LAG_WINDOW_S:
            row[self.WINDOW_AT], row[self.WORST_BEFORE_S], row[self.WORST_S] = now, row[self.WORST_S], 0.0
        row[self.WORST_S] = max(row[self.WORST_S], seconds)

    @property
    def lag_s(self) -> float:
        """Return the worst lag of late; a loop that is blocked right now is the later the longer it is."""
        row = self._row
        silent_s = monotonic() - row[self.BEAT_AT] - BEAT_S if row[self.BEAT_AT] else 0.0
        return max(0.0, silent_s, row[self.WORST_S], row[self.WORST_BEFORE_S])


class ClusterLevels:
    """The last sample of the cluster, for as long as it is fresh: an old figure must not stand beside a new one."""

    __slots__ = ("_row",)

    def __init__(self, sheet: Sheet) -> None:
        """Look at the sample on a sheet."""
        self._row = sheet.row(("cluster",), 1 + len(CLUSTER_GAUGES))

    def take(self, sample: ClusterSample | None) -> None:
        """Show this sample from now on; None shows nothing: another process samples."""
        self._row[0] = 0.0
        if sample is not None:
            for index, gauge in enumerate(CLUSTER_GAUGES.values(), 1):
                value = getattr(sample, gauge.field)
                self._row[index] = math.nan if value is None else value
            self._row[0] = monotonic()

    @property
    def taken_at(self) -> float:
        """Return when the sample was taken, on the monotonic clock; 0 = there is none, or an old one."""
        taken_at = self._row[0]
        return taken_at if monotonic() - taken_at <= SAMPLE_FRESH_S else 0.0

    def values(self) -> dict[str, float]:
        """Return the figures that are known, by name of the gauge."""
        shown = zip(CLUSTER_GAUGES, self._row[1:], strict=True)
        return {name: value for name, value in shown if not math.isnan(value)}
