"""Rates and lines over the last minutes, made of totals that were read one after the other."""

from collections import Counter, deque
from collections.abc import Sequence

from worker.core.cluster_sample import ClusterSample
from worker.core.seen import Flow

#: points of a line, one for each look
POINTS = 120
#: turns that ended longer ago don't count for the share of failed ones
WINDOW_MS = 60_000
FAILED = {"failed", "expired"}


class Trend:
    """What the totals of all shards say about now, and how it was before."""

    def __init__(self) -> None:
        """Begin without a past."""
        self.admitted_per_s: float | None = None
        self.turns_per_s: float | None = None
        self.failed_share: float | None = None
        self.lines = {name: deque[float](maxlen=POINTS) for name in ("admitted", "turns", "waiting", "oldest")}
        self.last_entry_ids: list[str] = []
        self._before: tuple[int, int, int | None] | None = None
        self._endings: deque[tuple[int, str]] = deque(maxlen=10_000)

    def add(self, now_ms: int, cluster: ClusterSample, flows: Sequence[Flow]) -> None:
        """Take one look at all shards."""
        admitted = sum(flow.admitted for flow in flows)
        known = [flow.committed for flow in flows if flow.committed is not None]
        committed = sum(known) if known else None
        if self._before is not None and now_ms > self._before[0]:
            before_ms, admitted_before, committed_before = self._before
            elapsed_s = (now_ms - before_ms) / 1000
            self.admitted_per_s = _risen(admitted, admitted_before) / elapsed_s
            self.turns_per_s = None if committed is None else _risen(committed, committed_before) / elapsed_s
        self._before = (now_ms, admitted, committed)
        self.last_entry_ids = [flow.last_entry_id for flow in flows]
        self._count_endings(now_ms, flows)
        self._draw(cluster)

    def _count_endings(self, now_ms: int, flows: Sequence[Flow]) -> None:
        self._endings.extend(sorted(ending for flow in flows for ending in flow.endings or ()))
        while self._endings and self._endings[0][0] < now_ms - WINDOW_MS:
            self._endings.popleft()
        if any(flow.endings is None for flow in flows):
            self.failed_share = None
            return
        ended = Counter(status for _, status in self._endings)
        self.failed_share = sum(ended[status] for status in FAILED) / (ended.total() or 1)

    def _draw(self, cluster: ClusterSample) -> None:
        self.lines["admitted"].append(self.admitted_per_s or 0)
        self.lines["turns"].append(self.turns_per_s or 0)
        self.lines["waiting"].append((cluster.stream_lag or 0) + cluster.ready)
        self.lines["oldest"].append(cluster.oldest_waiting_s)


def _risen(total: int, before: int | None) -> int:
    """Return by how much a total has grown; one that fell was begun anew, by a flush."""
    return max(0, total - before) if before is not None else 0
