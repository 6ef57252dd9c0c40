"""`swarmline chat`: talk with a swarm line by line, and see what it sends on its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Annotated

import typer

from producers import Delta, Emit, Producer, ProducerError, Reply, Status
from producers.listening import Consumer
from schemas.replies import AnyItem
from worker.cli.demo_input import Lines, ask_for_line
from worker.cli.demo_view import WHO_WIDTH, say, show_reply
from worker.cli.errors import told_plainly
from worker.cli.options import Namespace, RedisUrl, names_redis
from worker.cli.producing import producer_of
from worker.clock import monotonic
from worker.settings import load_settings

#: what answers where no Redis is named
EMBEDDED = "worker.cli.demo_app:app"
#: how long a line waits for emits that were sent before its reply
CATCH_UP_S = 1.0
ANSWERED = (Status.COMPLETED, Status.REFUSED)

Client = Annotated[str, typer.Argument(help="As whom.", metavar="CLIENT")]
SwarmName = Annotated[str, typer.Argument(help="With which swarm.", metavar="SWARM")]
TimeoutS = Annotated[float, typer.Option("--timeout-s", help="How long to wait for each reply, in seconds.", min=0.1)]
AsJson = Annotated[bool, typer.Option("--json", help="Print each item as a line of JSON.")]


def chat(
    client: Client,
    swarm: SwarmName,
    *,
    timeout_s: TimeoutS = 60.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Send each line of standard input and print what comes back; where no Redis is named, with the demo's swarm."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})
    embedded = not names_redis(redis_url)

    async def talked() -> int:
        async with (
            _server(settings.redis_url.get_secret_value(), embedded=embedded) as url,
            producer_of(settings, url=url) as producer,
        ):
            return await Talk(producer, client, swarm, timeout_s=timeout_s, as_json=as_json).hold(Lines(()))

    with told_plainly(), suppress(KeyboardInterrupt):
        raise typer.Exit(1 if asyncio.run(talked()) else 0)


@asynccontextmanager
async def _server(url: str, *, embedded: bool) -> AsyncGenerator[str]:
    if not embedded:
        yield url
        return
    from worker.cli.demo_team import assembled

    typer.echo("no Redis is named: the demo's own server and swarm `support` answer", err=True)
    async with assembled(EMBEDDED) as team:
        yield team.place.url


class Talk:
    """One conversation; whatever the session is sent appears in its order."""

    def __init__(self, producer: Producer, client: str, swarm: str, *, timeout_s: float, as_json: bool) -> None:
        """Talk as `client`."""
        self._producer = producer
        self._session = (client, swarm)
        self._timeout_s = timeout_s
        self._as_json = as_json
        self._seen_seq = 0
        self._heard = asyncio.Condition()

    async def hold(self, lines: Lines) -> int:
        """Send each line; return how many got no answer."""
        stream = self._producer.stream(*self._session, after="$")
        await stream.opened()
        listening = asyncio.create_task(self._listen(stream))
        unanswered = 0
        try:
            if lines.is_chat:
                ask_for_line()
            async for line in lines.questions():
                unanswered += not await self._ask(line)
                if lines.is_chat:
                    ask_for_line()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return unanswered

    async def _ask(self, line: str) -> bool:
        began = monotonic()
        try:
            reply = await self._producer.execute(*self._session, line, timeout_s=self._timeout_s)
        except ProducerError as error:
            say("-", f"no answer: {error}", colour="red")
            return False
        await self._catch_up(reply)
        if self._as_json:
            typer.echo(reply.to_json())
        else:
            show_reply(reply, monotonic() - began)
        return reply.status in ANSWERED

    async def _listen(self, stream: Consumer[AnyItem]) -> None:
        async with aclosing(stream) as items:
            async for item in items:
                if not isinstance(item, Reply | Delta):
                    self._show(item)
                async with self._heard:
                    self._seen_seq = getattr(item, "seq", None) or self._seen_seq
                    self._heard.notify_all()

    def _show(self, item: AnyItem) -> None:
        if self._as_json:
            typer.echo(item.to_json())
        elif isinstance(item, Emit):
            say(item.agent_name or "-", item.data, colour="green")
        else:
            typer.echo(f"{item.type:<{WHO_WIDTH}} {getattr(item, 'data', item.to_json())}")

    async def _catch_up(self, reply: Reply) -> None:
        if reply.seq is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S), self._heard:
                await self._heard.wait_for(lambda: self._seen_seq >= (reply.seq or 0))
