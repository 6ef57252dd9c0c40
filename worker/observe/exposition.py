"""What /metrics shows: the sums over the sheets of one or several processes, under the names of the catalogue."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from worker.observe.catalogue import CLUSTER_GAUGES, COUNTERS, HISTOGRAMS, PREFIX, PROCESS_GAUGES, Buckets
from worker.observe.levels import ClusterLevels, Levels
from worker.observe.sheet import Key, Sheet
from worker.observe.tally import width

Sums = Mapping[tuple[Key, int], list[float]]


class Exposition(Collector):
    """Collects all families; called by the thread that serves /metrics."""

    def __init__(
        self,
        sheets: Sequence[Sheet],
        *,
        buckets: Buckets,
        build: Mapping[str, str],
        redis_ok: Callable[[], bool],
    ) -> None:
        """Show what is counted on `sheets` with these buckets; of processes that are gone only the counts stay."""
        self._sheets = sheets
        self._buckets = buckets
        self._build = dict(build)
        self._redis_ok = redis_ok
        self._levels = [Levels(sheet) for sheet in sheets]
        self._clusters = [ClusterLevels(sheet) for sheet in sheets]

    def registry(self) -> CollectorRegistry:
        """Return a registry that shows this and nothing else."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        yield InfoMetricFamily(PREFIX + "build", "Which Swarmline this is.", value=self._build)
        sums = _summed(self._sheets)
        yield from _counters(sums)
        for name in HISTOGRAMS:
            yield _histogram(name, self._buckets.of(name), sums)
        yield from self._process_gauges()
        yield from self._cluster_gauges()

    def _process_gauges(self) -> Iterator[Metric]:
        running = [levels for levels in self._levels if levels.are_shown]
        slots = {"used": sum(one.used for one in running), "available": sum(one.available for one in running)}
        figures: dict[str, dict[str, float]] = {
            "processes": {"": len(running)},
            "slots": slots,
            "inflight": {"": slots["used"]},
            "event_loop_lag_seconds": {"": max((one.lag_s for one in running), default=0.0)},
            "redis_up": {"": float(self._redis_ok())},
        }
        for name, (labels, help_text) in PROCESS_GAUGES.items():
            family = GaugeMetricFamily(PREFIX + name, help_text, labels=labels)
            for label, value in figures[name].items():
                family.add_metric([label] if labels else [], value)
            yield family

    def _cluster_gauges(self) -> Iterator[Metric]:
        newest = max(self._clusters, key=lambda cluster: cluster.taken_at)
        if not newest.taken_at:
            return
        for name, value in newest.values().items():
            yield GaugeMetricFamily(PREFIX + name, CLUSTER_GAUGES[name].help, value=value)


def _summed(sheets: Sequence[Sheet]) -> Sums:
    sums: defaultdict[tuple[Key, int], list[float]] = defaultdict(list)
    for sheet in sheets:
        for key, row in sheet.rows().items():
            values = [float(figure) for figure in row]
            before = sums[key]
            sums[key] = [one + other for one, other in zip(before, values, strict=True)] if before else values
    return sums


def _of(name: str, figures: int, sums: Sums) -> Iterator[tuple[Key, list[float]]]:
    for (key, count), values in sorted(sums.items()):
        if key[0] == name and count == figures:
            yield key[1:], values


def _counters(sums: Sums) -> Iterator[Metric]:
    for name, counter in COUNTERS.items():
        family = CounterMetricFamily(PREFIX + name, counter.help, labels=counter.labels)
        for labels, values in _of(name, 1, sums):
            family.add_metric(labels, values[0])
        yield family


def _histogram(name: str, bounds: tuple[float, ...], sums: Sums) -> Metric:
    kind = HISTOGRAMS[name]
    family = HistogramMetricFamily(PREFIX + name, kind.help, labels=kind.labels)
    spelled = [*map(str, map(float, bounds)), "+Inf"]
    for labels, values in _of(name, width(bounds), sums):
        family.add_metric(labels, list(zip(spelled, accumulate(values[:-1]), strict=True)), values[-1])
    return family
