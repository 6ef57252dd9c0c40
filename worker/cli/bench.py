"""`swarmline bench`: measure on this machine, beside a bare loop on the same server."""

from pathlib import Path
from typing import Annotated

import typer


def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small counts; over within a minute.")] = False,
    overload: Annotated[bool, typer.Option("--overload", help="Only a flood and a very long backlog.")] = False,
    json_path: Annotated[Path, typer.Option("--json", help="Where the JSON report goes.")] = Path(".bench/report.json"),
) -> None:
    """Measure throughput, latency, cost, memory and takeover beside a bare redis-py loop on a server of its own."""
    if overload:
        measure_overload(json_path, quick=quick)
        return
    import uvloop

    from worker.bench.plan import FULL, QUICK
    from worker.bench.report import table
    from worker.bench.run import bench as measure

    report = uvloop.run(measure(QUICK if quick else FULL, lambda text: typer.echo(f"… {text}", err=True)))
    report.write(json_path)
    typer.echo(table(report))
    typer.echo(f"\nEvery sample: {json_path}")
    if report.faults():
        raise typer.Exit(1)


def measure_overload(json_path: Path, *, quick: bool) -> None:
    """Measure what a flood costs others, and how a very long backlog drains."""
    import json
    import os

    import uvloop

    from worker.bench.overload import FULL, QUICK
    from worker.bench.overload import overload as measure

    inherited = os.environ  # noqa: TID251 - to hand it on, cleaned
    found = uvloop.run(measure(inherited, QUICK if quick else FULL, lambda text: typer.echo(f"… {text}", err=True)))
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(found.as_dict()))
    typer.echo(found.table())
