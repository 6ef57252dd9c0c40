"""`swarmline export`: all that is kept of one session, as JSON; housekeeping puts it together."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from worker.cli.errors import told_plainly
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.producing import producer_of
from worker.settings import load_settings

Client = Annotated[str, typer.Argument(help="Whose session.", metavar="CLIENT")]
SwarmName = Annotated[str, typer.Argument(help="In which swarm.", metavar="SWARM")]
Out = Annotated[Path | None, typer.Option("--out", help="Write to this file, which must not be there yet.")]
TimeoutS = Annotated[float, typer.Option("--timeout-s", help="How long to wait for it, in seconds.", min=0.1)]


def export(
    client: Client,
    swarm: SwarmName,
    *,
    out: Out = None,
    timeout_s: TimeoutS = 30.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Print all that is kept of a session as JSON, contents of messages included; needs a worker with housekeeping."""
    del as_json  # every verb that prints data takes it, and this one prints nothing else
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})
    if out is not None and out.exists():
        raise typer.BadParameter(f"--out {out}: is there already")

    async def exported() -> dict[str, JsonValue] | None:
        async with producer_of(settings, within_s=timeout_s) as producer:
            return await producer.export_session(client, swarm, timeout_s=timeout_s)

    with told_plainly():
        session = asyncio.run(exported())
    if session is None:
        typer.echo(f"{client} has no session in swarm {swarm}", err=True)
        raise typer.Exit(1)
    text = json.dumps(session, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    out.touch(mode=0o600)  # it holds a conversation
    out.write_text(text + "\n")
