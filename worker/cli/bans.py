"""`swarmline bans`: which policies ban which clients; `ban` and `unban` change it."""

import asyncio
from typing import Annotated

import typer

from schemas.keyspace import split_sid
from schemas.replies import Reply
from worker.cli.asking import Row, asked, print_rows
from worker.cli.errors import told_plainly
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.producing import producer_of
from worker.cli.send import show
from worker.settings import Settings, load_settings
from worker.store.links import Links
from worker.store.sessions import Sessions

bans = typer.Typer(help="Clients that a policy bans: list (also without a verb), add, remove.")

Client = Annotated[str, typer.Argument(help="Whom.", metavar="CLIENT")]
SwarmName = Annotated[str, typer.Argument(help="In which swarm.", metavar="SWARM")]
PolicyName = Annotated[str, typer.Argument(help="By which of its policies.", metavar="POLICY")]
Count = Annotated[int, typer.Option("--count", help="How many to list.", min=1, max=100_000)]
TimeoutS = Annotated[float, typer.Option("--timeout-s", help="How long to wait for the reply, in seconds.", min=0.1)]


@bans.callback(invoke_without_command=True)
def _list_by_default(
    context: typer.Context,
    *,
    count: Count = 100,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    if context.invoked_subcommand is None:
        ls(count=count, redis_url=redis_url, namespace=namespace, as_json=as_json)
    elif redis_url or namespace or as_json:
        message = f"options stand behind the verb: bans {context.invoked_subcommand} --help lists them"
        raise typer.BadParameter(message)


@bans.command("ls")
def ls(*, count: Count = 100, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """List who is banned where, by which policy."""

    async def listed(links: Links) -> list[Row]:
        found = [ban async for ban in Sessions(links).bans(at_most=count)]
        return [dict(zip(("client", "swarm", "policy"), _parts(ban), strict=True)) for ban in found]

    print_rows(asked(listed, redis_url=redis_url, namespace=namespace), as_json=as_json, empty="nobody is banned")


@bans.command("add")
def ban(
    client: Client,
    swarm: SwarmName,
    policy: PolicyName,
    *,
    timeout_s: TimeoutS = 30.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Ban a client from a swarm; takes effect for everything that is not yet executed."""
    reply = _ask(
        "ban", (client, swarm, policy), timeout_s, load_settings({"redis_url": redis_url, "namespace": namespace})
    )
    show(reply, as_json=as_json)


@bans.command("remove")
def unban(
    client: Client,
    swarm: SwarmName,
    policy: PolicyName,
    *,
    timeout_s: TimeoutS = 30.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Lift a ban."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})
    show(_ask("unban", (client, swarm, policy), timeout_s, settings), as_json=as_json)


def _ask(kind: str, whom: tuple[str, str, str], timeout_s: float, settings: Settings) -> Reply:
    client, swarm, policy = whom

    async def replied() -> Reply:
        async with producer_of(settings, within_s=timeout_s) as producer:
            request_id = await producer.send(client, swarm, kind, policy_name=policy, timeout_s=timeout_s)
            return await producer.result(request_id, client_id=client, timeout_s=timeout_s)

    with told_plainly():
        return asyncio.run(replied())


def _parts(banned: str) -> tuple[str, str, str]:
    policy, _, sid = banned.partition(":")
    swarm, client = split_sid(sid)
    return client, swarm, policy
