"""The table and the JSON of a bench: figures of both systems, their ratio, and whether a target was met."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from worker.bench.samples import Samples, middle
from worker.bench.sessions import Weight
from worker.bench.takeover import LEASE_S, Takeover

RATES = ("100 in flight", "1,000 in flight", "one hot session", "enqueue only", "drain")
RATE_TARGETS = {"100 in flight": 0.7, "1,000 in flight": 0.7}
ROUND_TRIP_TARGET = 2.2
GROWTH_TARGET = 1.15
WEIGHT_TARGET_BYTES = 1500
SIGKILL_TARGET_S = LEASE_S + 1
SIGTERM_TARGET_S = 0.5
BUSY = "1,000 in flight"
COSTS = (("worker", "worker_us", 25.0), ("Redis", "server_us", 45.0), ("producer", "client_us", 40.0))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `met` is None where there is no target."""

    name: str
    bare: str
    ours: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None


@dataclass(slots=True)
class Report:
    """Everything that a bench has found out."""

    machine: dict[str, str | int]
    samples: Samples
    server: str = ""
    weight: Weight = field(default_factory=lambda: Weight(0.0, 0.0, 0.0))
    after_sigkill: list[Takeover] = field(default_factory=list[Takeover])
    after_sigterm: list[Takeover] = field(default_factory=list[Takeover])

    def rows(self) -> Iterator[Row]:
        """Yield the lines of the table."""
        yield from self._rate_rows()
        yield self._round_trip_row()
        yield from self._cost_rows()
        yield from self._growth_rows()
        yield from self._weight_rows()
        yield from self._takeover_rows()

    def as_json(self) -> str:
        """Return machine, every sample, and the rows as JSON."""
        whole = {
            "machine": self.machine,
            "server": self.server,
            "rows": [asdict(row) for row in self.rows()],
            "samples": [asdict(sample) for sample in self.samples.taken],
            "bytes_per_idle_session": asdict(self.weight),
            "takeover": {
                "lease_s": LEASE_S,
                "SIGKILL": [asdict(takeover) for takeover in self.after_sigkill],
                "SIGTERM": [asdict(takeover) for takeover in self.after_sigterm],
            },
        }
        return json.dumps(whole, indent=2)

    def write(self, path: Path) -> None:
        """Write the JSON to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.as_json() + "\n")

    def faults(self) -> list[str]:
        """Return what went wrong while measuring; figures mean little if this is not empty."""
        told = sorted({sample.fault for sample in self.samples.taken if sample.fault})
        return [f"{self.samples.bad} requests got no answer or a wrong one", *told] if self.samples.bad else []

    def _rate_rows(self) -> Iterator[Row]:
        for load in RATES:
            bare, ours = (self.samples.median(load, name, "per_s") for name in ("bare", "ours"))
            yield _at_least(
                f"{load}, requests/s", bare, ours, self.samples.ratio(load, "per_s"), RATE_TARGETS.get(load)
            )

    def _round_trip_row(self) -> Row:
        bare, ours = (self.samples.median("1 in flight", name, "p50_ms") for name in ("bare", "ours"))
        ratio = self.samples.ratio("1 in flight", "p50_ms")
        return Row(
            "1 in flight, median ms",
            f"{bare:.2f}",
            f"{ours:.2f}",
            f"{ratio:.2f}",
            f"≤ {ROUND_TRIP_TARGET:.2f}",
            ratio <= ROUND_TRIP_TARGET,
        )

    def _cost_rows(self) -> Iterator[Row]:
        for title, figure, target in COSTS:
            bare, ours = (self.samples.median(BUSY, name, figure) for name in ("bare", "ours"))
            ratio = ours / bare if bare else 0.0
            name = f"{title} CPU µs/request"
            yield Row(name, f"{bare:.1f}", f"{ours:.1f}", f"{ratio:.2f}", f"≤ {target:g}", ours <= target)

    def _growth_rows(self) -> Iterator[Row]:
        pairs = (
            ("many live sessions", "few live sessions", "many live sessions against few, CPU"),
            ("long histories", "short histories", "long histories against short, CPU"),
        )
        for load, base, name in pairs:
            less, more = (self.samples.median(one, "ours", "cost_us") for one in (base, load))
            growth = self.samples.growth(load, base, "cost_us")
            yield Row(
                name, f"({less:.1f})", f"{more:.1f}", f"{growth:.2f}", f"≤ {GROWTH_TARGET:.2f}", growth <= GROWTH_TARGET
            )

    def _weight_rows(self) -> Iterator[Row]:
        weight = self.weight
        yield Row("bytes/idle session, all", "", f"{weight.everything:,.0f}")
        yield Row("  without reply keys", "", f"{weight.without_results:,.0f}")
        alone = weight.session_alone
        yield Row(
            "  nor the events stream",
            "",
            f"{alone:,.0f}",
            "",
            f"≤ {WEIGHT_TARGET_BYTES:,}",
            alone <= WEIGHT_TARGET_BYTES,
        )

    def _takeover_rows(self) -> Iterator[Row]:
        killed = f"takeover s, SIGKILL (lease {LEASE_S:g} s)"
        for name, taken, target_s in (
            (f"{killed}, first", [one.first_s for one in self.after_sigkill], SIGKILL_TARGET_S),
            (f"{killed}, all", [one.all_s for one in self.after_sigkill], SIGKILL_TARGET_S),
            ("takeover s, SIGTERM, all", [one.all_s for one in self.after_sigterm], SIGTERM_TARGET_S),
        ):
            median_s = middle(taken)
            yield Row(name, "", f"{median_s:.2f}", "", f"≤ {target_s:g}", median_s <= target_s)


def table(report: Report) -> str:
    """Return the report as an aligned table, with what it was measured on above and what it means below."""
    head = Row("", "bare loop", "swarmline", "ratio", "target")
    rows = [head, *report.rows()]
    lines = [_line(row) for row in rows]
    lines.insert(1, "─" * max(map(len, lines)))
    about = report.machine
    origin = f"{about['cores']} cores {about['processor']}, {report.server}, Python {about['python']}"
    return "\n".join([origin, "", *lines, *(f"! {fault}" for fault in report.faults())])


def _line(row: Row) -> str:
    verdict = {None: "", True: "  met", False: "  missed"}[row.met]
    return f"{row.name:<44}{row.bare:>12}{row.ours:>12}{row.ratio:>8}{row.target:>10}{verdict}"


def _at_least(name: str, bare: float, ours: float, ratio: float, target: float | None) -> Row:
    wanted, met = (f"≥ {target:.2f}", ratio >= target) if target else ("", None)
    return Row(name, f"{bare:,.0f}", f"{ours:,.0f}", f"{ratio:.2f}", wanted, met)
