"""The outcome of a simulation: figures, broken promises and the seed, as a table or as JSON."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.simulate.evidence import Evidence, code_of
from worker.simulate.findings import PROMISES, Finding
from worker.simulate.plan import Plan

SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a run."""

    plan: Plan
    findings: Sequence[Finding]
    #: kind of fault -> how many were carried out
    faults: Mapping[str, int]
    #: figure -> value
    figures: Mapping[str, float]
    #: what this machine could not do
    skipped: Sequence[str]

    @property
    def held(self) -> bool:
        """Tell whether every promise held."""
        return not self.findings

    def as_dict(self) -> dict[str, object]:
        """Return everything for JSON."""
        return {
            "seed": self.plan.seed,
            "seconds": self.plan.duration_s,
            "held": self.held,
            "faults": dict(self.faults),
            "figures": dict(self.figures),
            "skipped": list(self.skipped),
            "findings": [finding._asdict() for finding in self.findings],
        }


def figures_of(evidence: Evidence) -> dict[str, float]:
    """Return the figures of a run; times in seconds."""
    waits = sorted(
        (reply["finishedAtMs"] / 1000 - evidence.sent[name].invoked_us / 1e6)
        for name, reply in evidence.results.items()
    )
    answers = sum(one.step == "answer" for runs in evidence.executions.values() for one in runs)
    replied = sum(1 for name, runs in evidence.executions.items() if name in evidence.results and runs)
    return {
        "requests": len(evidence.sent),
        "sessions": len({one.sid for one in evidence.sent.values()}),
        "replies": len(evidence.results),
        "p50 s": round(waits[len(waits) // 2], 3) if waits else 0,
        "p99 s": round(waits[len(waits) * 99 // 100], 3) if waits else 0,
        "slowest s": round(waits[-1], 3) if waits else 0,
        "started again": sum(reply["attempts"] > 1 for reply in evidence.results.values()),
        "extra answers": answers - replied,
        "no processor s": evidence.late_s,
        "back after Redis s": _longest_back_s(evidence),
        "buried": sum(code_of(reply) == "attempts_exhausted" for reply in evidence.results.values()),
    }


def _longest_back_s(evidence: Evidence) -> float:
    """Return how long it took at most from the answer of a Redis that had been killed to the next commit."""
    commits = sorted(reply["seq"] for reply in evidence.results.values() if reply["seq"] is not None)
    firsts = [(back_us, bisect_right(commits, back_us)) for back_us in evidence.redis_back_us]
    return round(max((commits[at] - back_us for back_us, at in firsts if at < len(commits)), default=0) / 1e6, 3)


def table(report: Report) -> str:
    """Return the report for people."""
    broken = Counter(finding.promise for finding in report.findings)
    lines = [
        f"{name:<10} {'held' if not broken[name] else f'BROKEN {broken[name]} times':<16} {what}"
        for name, what in PROMISES.items()
    ]
    lines += ["", "faults     " + (", ".join(f"{n} {kind}" for kind, n in sorted(report.faults.items())) or "none")]
    lines += ["figures    " + ", ".join(f"{name} {value:,g}" for name, value in report.figures.items())]
    lines += [f"skipped    {what}" for what in report.skipped]
    for finding in report.findings[:SHOWN]:
        lines.append(f"  {finding.promise}: {finding.what}")
    if len(report.findings) > SHOWN:
        lines.append(f"  … and {len(report.findings) - SHOWN} more")
    verdict = "every promise held" if report.held else f"{len(report.findings)} findings"
    lines += ["", f"seed {report.plan.seed}: {verdict}"]
    return "\n".join(lines)
