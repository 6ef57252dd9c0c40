"""`swarmline bench`: measure on this machine, beside a bare loop on the same server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Protocol

import typer

from worker.cli.ending import ending_in_order


def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small counts; over within a minute.")] = False,
    overload: Annotated[bool, typer.Option("--overload", help="Only a flood and a very long backlog.")] = False,
    soak: Annotated[
        float, typer.Option("--soak", help="Only half load for so many minutes, and what grows meanwhile.", min=0)
    ] = 0.0,
    json_path: Annotated[Path, typer.Option("--json", help="Where the JSON report goes.")] = Path(".bench/report.json"),
) -> None:
    """Measure throughput, latency, cost, memory and takeover beside a bare redis-py loop on a server of its own."""
    if soak:
        measure_soak(json_path, soak)
        return
    if overload:
        measure_overload(json_path, quick=quick)
        return
    import uvloop

    from worker.bench.plan import FULL, QUICK
    from worker.bench.report import table
    from worker.bench.run import bench as measure

    with ending_in_order():
        report = uvloop.run(measure(QUICK if quick else FULL, say))
    report.write(json_path)
    typer.echo(table(report))
    typer.echo(f"\nEvery sample: {json_path}")
    if report.faults():
        raise typer.Exit(1)


def say(text: str) -> None:
    """Tell what is under way, beside the figures."""
    typer.echo(f"… {text}", err=True)


class Figures(Protocol):
    """What a bench found: an overload or a soak."""

    def as_dict(self) -> Mapping[str, object]:
        """Return everything for JSON."""
        ...

    def table(self) -> str:
        """Return the figures for people."""
        ...


def show(found: Figures, json_path: Path) -> None:
    """Print the figures and write them down."""
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(found.as_dict()))
    typer.echo(found.table())


def measure_overload(json_path: Path, *, quick: bool) -> None:
    """Measure what a flood costs others, and how a very long backlog drains."""
    import uvloop

    from worker.bench.overload import FULL, QUICK
    from worker.bench.overload import overload as measure

    with ending_in_order():
        found = uvloop.run(measure(QUICK if quick else FULL, say))
    show(found, json_path)


def measure_soak(json_path: Path, minutes: float) -> None:
    """Measure what grows in a worker and in Redis while it works."""
    import uvloop

    from worker.bench.soak import soak as measure

    with ending_in_order():
        found = uvloop.run(measure(minutes, say))
    show(found, json_path)
    if found.bad:
        raise typer.Exit(1)
