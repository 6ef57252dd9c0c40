"""Figures of a bench: single samples, and the medians and ratios that are drawn from them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from worker.bench.actors import Cost, Name
from worker.bench.client import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one load; processor time in microseconds a request."""

    load: str
    system: Name
    per_s: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    worker_us: float = 0.0
    server_us: float = 0.0
    client_us: float = 0.0
    bad: int = 0
    fault: str = ""

    @classmethod
    def of(cls, load: str, system: Name, measured: Measured, cost: Cost) -> Self:
        """Draw a sample from what a client measured."""
        return cls(
            load=load,
            system=system,
            per_s=measured.n / measured.seconds,
            p50_ms=measured.p50_s * 1e3,
            p99_ms=measured.p99_s * 1e3,
            worker_us=cost.worker_s / measured.n * 1e6,
            server_us=cost.server_s / measured.n * 1e6,
            client_us=cost.client_s / measured.n * 1e6,
            bad=measured.bad,
            fault=measured.fault,
        )

    @property
    def cost_us(self) -> float:
        """Return the processor time of all three processes."""
        return self.worker_us + self.server_us + self.client_us


@dataclass(slots=True)
class Samples:
    """All samples of a bench, in the order in which they were taken."""

    taken: list[Sample] = field(default_factory=list[Sample])

    def add(self, sample: Sample) -> None:
        """Keep a sample."""
        self.taken.append(sample)

    def column(self, load: str, system: Name, figure: str) -> list[float]:
        """Return one figure of each round."""
        return [getattr(one, figure) for one in self.taken if one.load == load and one.system == system]

    def median(self, load: str, system: Name, figure: str) -> float:
        """Return the median of a figure over the rounds."""
        return middle(self.column(load, system, figure))

    def ratio(self, load: str, figure: str) -> float:
        """Return ours / bare as the median of the ratios of each round: neighbours in time share the noise."""
        pairs = zip(self.column(load, "ours", figure), self.column(load, "bare", figure), strict=False)
        return middle([ours / bare for ours, bare in pairs if bare])

    def growth(self, load: str, base: str, figure: str) -> float:
        """Return our cost under `load` as a multiple of that under `base`, paired by round."""
        pairs = zip(self.column(load, "ours", figure), self.column(base, "ours", figure), strict=False)
        return middle([more / less for more, less in pairs if less])

    @property
    def bad(self) -> int:
        """Return how many requests got no answer or a wrong one."""
        return sum(one.bad for one in self.taken)


def middle(figures: Sequence[float]) -> float:
    """Return the median, 0.0 of nothing."""
    return statistics.median(figures) if figures else 0.0
