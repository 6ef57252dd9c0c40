"""How the demo looks: one aligned line for each thing that happens."""

from collections.abc import Iterable

import typer

from schemas.events import BusEvent, CustomEvent
from schemas.replies import Reply, Status

WHO_WIDTH = 9


def say(who: str, text: str, *, colour: str | None = None) -> None:
    """Print a line of somebody; colours only reach a terminal."""
    typer.echo(f"{typer.style(f'{who:<{WHO_WIDTH}}', fg=colour, bold=True)} {text}")


def note(text: str) -> None:
    """Print what the demo itself does or has seen."""
    say("demo", text, colour="yellow")


def show_reply(reply: Reply, took_s: float) -> None:
    """Print an answer with its agent and time."""
    text = reply.output
    if reply.status is Status.REFUSED and reply.error is not None:
        text = f"{text} (refused by policy {reply.error.policy_name})"
    elif reply.status is not Status.COMPLETED:
        text = f"{text} ({reply.status}{f': {reply.error.message}' if reply.error else ''})"
    colour = "green" if reply.status is Status.COMPLETED else "red"
    say(reply.agent_name or "-", f"{text}  {typer.style(f'[{took_s * 1e3:,.0f} ms]', dim=True)}", colour=colour)


def show_event(event: BusEvent | CustomEvent) -> None:
    """Print a bus event."""
    what = f"{event.type:<23}{event.source:<15}" if isinstance(event, BusEvent) else f"{event.source:<38}"
    detail = event.output or event.input if isinstance(event, BusEvent) else event.payload
    typer.echo(
        typer.style(f"{'event':<{WHO_WIDTH}} {what}turn {event.turn}, attempt {event.attempt}  {detail}", dim=True)
    )


def show_metrics(lines: Iterable[str]) -> None:
    """Print the selection of metrics."""
    typer.echo("")
    note("what a scrape of /metrics returned:")
    for line in lines:
        typer.echo(f"{'':<{WHO_WIDTH}} {line}")
