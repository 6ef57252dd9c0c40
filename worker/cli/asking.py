"""What verbs share that look into Redis: connections, rows as a table or as JSON."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import typer

from worker.cli.errors import advising
from worker.settings import load_settings
from worker.store.links import Links
from worker.top.words import printable

T = TypeVar("T")

#: a row: name of a column -> what stands there
Row = Mapping[str, object]


def asked(ask: Callable[[Links], Awaitable[T]], *, redis_url: str | None, namespace: str | None) -> T:
    """Return what `ask` finds over connections of its own; raises ConfigurationError, QueueUnavailable."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})

    async def over_links() -> T:
        links = Links(settings.redis_url.get_secret_value(), settings.namespace)
        try:
            return await ask(links)
        finally:
            await links.close()

    with advising("admin"):
        return asyncio.run(over_links())


def moment(at_ms: int) -> str:
    """Return a time, Unix ms, as people read it: ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def print_rows(rows: Sequence[Row], *, as_json: bool, empty: str, above: str = "") -> None:
    """Print rows as a table with a head, or as a JSON list.

    People read `empty` where there are no rows, and `above` before them, if there is something to say.
    """
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        typer.echo(empty)
        return
    if above:
        typer.echo(above)
    names = list(rows[0])
    lines = [[name.upper() for name in names], *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for line in lines:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else printable(str(value))
