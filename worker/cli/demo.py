"""`swarmline demo`: a server, two workers and a support swarm that answer what you type or pipe in."""

from typing import Annotated

import typer


def demo(
    *,
    events: Annotated[bool, typer.Option("--events", help="Show the bus events.")] = False,
    kill_a_worker: Annotated[
        bool, typer.Option("--kill-a-worker", help="SIGKILL the worker that runs the first question.")
    ] = False,
) -> None:
    """Answer lines from standard input, or chat, with two workers on an embedded server; needs nothing installed."""
    import uvloop

    from worker.cli.demo_talk import talk

    app = "worker.cli.demo_app:slow_app" if kill_a_worker else "worker.cli.demo_app:app"
    raise typer.Exit(uvloop.run(talk(app, events=events, kill_a_worker=kill_a_worker)))
