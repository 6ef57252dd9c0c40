"""`swarmline tail`: watch the bus, one line for each event, until interrupted."""

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from producers import BusEvent, CustomEvent
from worker.cli.errors import told_plainly
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.producing import producer_of
from worker.settings import load_settings
from worker.top.words import compact

Client = Annotated[str | None, typer.Argument(help="Only the events of this client.", metavar="[CLIENT]")]


def tail(
    client: Client = None, *, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False
) -> None:
    """Print bus events as they happen; what was published before is in the events stream."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})

    async def watch() -> None:
        async with producer_of(settings) as producer:
            async for event in producer.events(client_id=client):
                typer.echo(event.to_json() if as_json else line(event))

    with told_plainly(), suppress(KeyboardInterrupt):
        asyncio.run(watch())


def line(event: BusEvent | CustomEvent) -> str:
    """Return an event as one line: who, which turn, what, and its contents."""
    turn = f"{event.client_id} {event.request_id or '-'} turn {event.turn or '-'}"
    if isinstance(event, CustomEvent):
        return f"{turn}  {event.source}  {compact(event.payload)}"
    swarm = event.context.get("swarmName", "-")
    return f"{turn}  {swarm} {event.type}  {compact(event.output or event.input)}"
