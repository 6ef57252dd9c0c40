"""`swarmline demo`: a server, two workers and a support swarm that answer what you type or pipe in."""

from typing import Annotated

import typer

SUPPORT = "worker.cli.demo_app:app"
SLOW_SUPPORT = "worker.cli.demo_app:slow_app"


def demo(
    *,
    application: Annotated[
        str,
        typer.Option(
            "--app", help="Another application, as MODULE:ATTR; its first swarm talks.", metavar="MODULE:ATTR"
        ),
    ] = "",
    events: Annotated[bool, typer.Option("--events", help="Show the bus events.")] = False,
    kill_a_worker: Annotated[
        bool, typer.Option("--kill-a-worker", help="SIGKILL the worker that runs the first question.")
    ] = False,
) -> None:
    """Answer lines from standard input, or chat, with two workers on an embedded server; needs nothing installed."""
    import uvloop

    from worker.cli.demo_scene import scene_of
    from worker.cli.demo_talk import talk

    reference = application or (SLOW_SUPPORT if kill_a_worker else SUPPORT)
    raise typer.Exit(uvloop.run(talk(scene_of(reference), events=events, kill_a_worker=kill_a_worker)))
