"""`swarmline simulate`: break everything under load on a private server, then check that nothing was lost."""

import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.ending import ending_in_order

SETTLES_WITHIN_S = 60.0

Minutes = Annotated[float, typer.Option("--minutes", help="How long faults happen.", min=0.05, max=10_000)]
Seed = Annotated[
    int | None, typer.Option("--seed", help="The seed replays its schedule of faults.", show_default=False)
]
Sessions = Annotated[int, typer.Option("--sessions", help="How many clients there are.", min=1)]
Rate = Annotated[int, typer.Option("--rate", help="Requests a second, whatever comes back.", min=1)]
Workers = Annotated[int, typer.Option("--workers", help="Worker processes.", min=1, max=64)]
Producers = Annotated[int, typer.Option("--producers", help="Producer processes.", min=1, max=64)]
LeaseS = Annotated[float, typer.Option("--lease-s", help="Life of a worker's lease.", min=0.2)]
PaceS = Annotated[float, typer.Option("--pace-s", help="Seconds between two faults, on average.", min=0.05)]
Faults = Annotated[
    str | None, typer.Option("--faults", help="Only these kinds, separated by commas.", show_default=False)
]
Every = Annotated[
    str | None,
    typer.Option(
        "--every", help="These faults by the clock: KIND=SECONDS,... instead of drawn ones.", show_default=False
    ),
]
Keep = Annotated[
    Path | None, typer.Option("--keep", help="Keep history and logs in this new directory.", show_default=False)
]
ShowSchedule = Annotated[bool, typer.Option("--schedule", help="Print the faults that the seed draws, and end.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def by_the_clock(text: str) -> dict[str, float]:
    """Read `kill=2,freeze=10`: kind of fault -> seconds from one to the next; raises ConfigurationError."""
    from worker.errors import ConfigurationError

    found: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        kind, _, seconds = part.partition("=")
        try:
            found[kind] = float(seconds)
        except ValueError:
            found[kind] = 0.0
        if not 0 < found[kind] < float("inf"):
            raise ConfigurationError(f"--every: {part!r} is not KIND=SECONDS, such as kill=2")
    return found


def simulate(
    *,
    minutes: Minutes = 2.0,
    seed: Seed = None,
    sessions: Sessions = 2000,
    rate: Rate = 300,
    workers: Workers = 4,
    producers: Producers = 3,
    lease_s: LeaseS = 1.0,
    pace_s: PaceS = 0.7,
    faults: Faults = None,
    every: Every = None,
    keep: Keep = None,
    schedule: ShowSchedule = False,
    as_json: AsJson = False,
) -> None:
    """Kill, freeze and cut off workers and Redis under load; exit code 1 when a promise did not hold."""
    import uvloop

    from worker.simulate.plan import Plan
    from worker.simulate.report import table
    from worker.simulate.run import simulate as run
    from worker.simulate.schedule import draw

    plan = Plan(
        seed=secrets.randbelow(10**6) if seed is None else seed,
        duration_s=minutes * 60,
        sessions=sessions,
        rate=rate,
        workers=workers,
        producers=producers,
        lease_s=lease_s,
        pace_s=pace_s,
        faults=None if faults is None else tuple(faults.split(",")),
        every=by_the_clock(every or ""),
        settle_s=max(SETTLES_WITHIN_S, minutes * 60),  # what was held up by the faults takes as long as they did
    )
    if keep is not None and keep.exists():
        raise typer.BadParameter(f"--keep {keep}: is there already")
    drawn = draw(plan)
    if schedule:
        typer.echo("\n".join(map(str, drawn)))
        return
    directory = Path(tempfile.mkdtemp(prefix="swarmline-simulate-"))
    try:
        with ending_in_order():
            report = uvloop.run(run(plan, directory, lambda text: typer.echo(f"… {text}", err=True)))
        if keep is not None:
            shutil.copytree(directory, keep, ignore=shutil.ignore_patterns("socket"))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    typer.echo(json.dumps(report.as_dict()) if as_json else table(report))
    if not report.held:
        sys.exit(1)
