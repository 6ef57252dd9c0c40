"""`swarmline send`: one message from the shell."""

import asyncio
from typing import Annotated

import typer

from schemas.replies import Reply, Status
from worker.cli.errors import told_plainly
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.producing import producer_of
from worker.settings import load_settings

Client = Annotated[str, typer.Argument(help="Who sends it.", metavar="CLIENT")]
SwarmName = Annotated[str, typer.Argument(help="Which swarm it is for.", metavar="SWARM")]
Message = Annotated[str, typer.Argument(help="The message.", metavar="MESSAGE")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the reply and print its text.")]
TimeoutS = Annotated[float, typer.Option("--timeout-s", help="How long to wait, in seconds.", min=0.1)]


def send(
    client: Client,
    swarm: SwarmName,
    message: Message,
    *,
    wait: Wait = False,
    timeout_s: TimeoutS = 30.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Send a message; print its request id, or with --wait the reply."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})

    async def sent() -> Reply | str:
        async with producer_of(settings, within_s=timeout_s) as producer:
            if wait:
                return await producer.execute(client, swarm, message, timeout_s=timeout_s)
            return await producer.send(client, swarm, "execute", message=message, timeout_s=timeout_s)

    with told_plainly():
        show(asyncio.run(sent()), as_json=as_json)


def show(answer: Reply | str, *, as_json: bool) -> None:
    """Print a request id, or a reply; a reply that is not `completed` ends the command with 1."""
    if isinstance(answer, str):
        typer.echo(f'{{"requestId":"{answer}"}}' if as_json else answer)
        return
    completed = answer.status is Status.COMPLETED
    if as_json:
        typer.echo(answer.to_json())
    elif answer.output:
        typer.echo(answer.output)
    if not completed:
        detail = f": {answer.error.message}" if answer.error and answer.error.message else ""
        typer.echo(f"{answer.status}{detail}", err=True)
        raise typer.Exit(1)
