"""`swarmline sessions`: list them, look at one with its history and state, dispose of them."""

import asyncio
import json
from typing import Annotated, cast

import typer
from pydantic import JsonValue

from schemas.names import is_client_id, is_name
from schemas.replies import Reply
from worker.cli.asking import Row, asked, moment, print_rows
from worker.cli.errors import told_plainly
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.producing import producer_of
from worker.cli.send import show as show_reply
from worker.settings import load_settings
from worker.store.links import Links
from worker.store.sessions import SessionRow, Sessions
from worker.top.words import compact, printable

sessions = typer.Typer(help="Sessions: list, show, dispose.", no_args_is_help=True)

Client = Annotated[str, typer.Argument(help="Whose session.", metavar="CLIENT")]
SwarmName = Annotated[str, typer.Argument(help="In which swarm.", metavar="SWARM")]
OfSwarm = Annotated[str | None, typer.Option("--swarm", help="Only those of this swarm.")]
OfClient = Annotated[str | None, typer.Option("--client", help="Only those of this client.")]
Status = Annotated[str | None, typer.Option("--status", help="Only idle, ready, held, delayed or disposing ones.")]
Count = Annotated[int, typer.Option("--count", help="How many to list.", min=1, max=100_000)]
Newest = Annotated[int, typer.Option("--history", help="How many of the newest records to show.", min=0)]
Force = Annotated[bool, typer.Option("--force", help="End a turn that runs, and cancel what waits.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
TimeoutS = Annotated[float, typer.Option("--timeout-s", help="How long to wait for the reply, in seconds.", min=0.1)]

#: of the requests that wait
WAITING_SHOWN = 10
STATUSES = ("idle", "ready", "held", "delayed", "disposing")


@sessions.command("ls")
def ls(
    *,
    swarm: OfSwarm = None,
    client: OfClient = None,
    status: Status = None,
    count: Count = 50,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """List sessions, in no order; reads in small steps and stops when it has enough."""
    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"--status {status}: should be one of {', '.join(STATUSES)}")
    _check_names(client, swarm)

    async def listed(links: Links) -> list[Row]:
        found, rows = Sessions(links), dict[tuple[str, str], Row]()
        async for keys, sid in found.sids(swarm=swarm, client=client):
            row = await found.row(keys, sid)
            if row is not None and status in (None, row.status):
                rows[row.client_id, row.swarm_name] = _plain(row, await found.records(keys, sid))
            if len(rows) == count:
                break
        return list(rows.values())

    rows = asked(listed, redis_url=redis_url, namespace=namespace)
    print_rows(rows, as_json=as_json, empty="no sessions")


@sessions.command("show")
def show(
    client: Client,
    swarm: SwarmName,
    *,
    history: Newest = 20,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Show one session: what it does now, its state, its newest records and what waits in it, contents included."""
    _check_names(client, swarm)

    async def found(links: Links) -> dict[str, JsonValue] | None:
        sessions = Sessions(links)
        session = await sessions.export(client, swarm)
        return session and {**await _now(sessions, session), **session}

    session = asked(found, redis_url=redis_url, namespace=namespace)
    if session is None:
        typer.echo(f"{client} has no session in swarm {swarm}", err=True)
        raise typer.Exit(1)
    records = cast("list[JsonValue]", session["history"])
    session["history"] = records[len(records) - min(history, len(records)) :]
    if as_json:
        typer.echo(json.dumps(session, ensure_ascii=False))
        return
    _print_session(session)


@sessions.command("dispose")
def dispose(
    client: Client,
    swarm: SwarmName,
    *,
    force: Force = False,
    timeout_s: TimeoutS = 30.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """End a session, behind what waits in it, or at once with --force."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})

    async def disposed() -> Reply:
        async with producer_of(settings, within_s=timeout_s) as producer:
            request_id = await producer.send(client, swarm, "dispose", force=force, timeout_s=timeout_s)
            return await producer.result(request_id, client_id=client, timeout_s=timeout_s)

    with told_plainly():
        show_reply(asyncio.run(disposed()), as_json=as_json)


@sessions.command("dispose-all")
def dispose_all(
    swarm: SwarmName,
    *,
    yes: Yes = False,
    force: Force = False,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """End every session of a swarm; housekeeping asks them one by one, and `sessions ls` shows what is left."""
    settings = load_settings({"redis_url": redis_url, "namespace": namespace})
    if not yes:
        typer.confirm(f"End every session of swarm {swarm} in namespace {settings.namespace}?", abort=True, err=True)

    async def asked_for() -> str:
        async with producer_of(settings) as producer:
            return await producer.dispose_swarm(swarm, force=force)

    with told_plainly():
        errand = asyncio.run(asked_for())
    typer.echo(json.dumps({"errand": errand}) if as_json else f"asked for, errand {errand}")


def _check_names(client: str | None, swarm: str | None) -> None:
    # a name that is none could be a pattern that matches everything
    if client is not None and not is_client_id(client):
        raise typer.BadParameter(f"{client!r} can't be a client id")
    if swarm is not None and not is_name(swarm):
        raise typer.BadParameter(f"{swarm!r} can't be the name of a swarm")


def _plain(row: SessionRow, records: int) -> Row:
    shown = row._asdict()
    due, waiting = shown.pop("expires_at_ms"), shown.pop("waiting")
    return {
        "client": shown.pop("client_id"),
        "swarm": shown.pop("swarm_name"),
        **shown,
        "records": records,
        "waiting": waiting,
        "expires": None if due is None else moment(due),
    }


async def _now(sessions: Sessions, session: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what the session does now, in words, and the finished steps of the turn under way."""
    requests = cast("list[dict[str, JsonValue]]", [*cast("list[JsonValue]", session["waiting"])])
    if not requests:
        return {"now": f"{session['status']}: nothing waits in it", "steps": []}
    head, behind = requests[0], len(requests) - 1
    names = str(session["clientId"]), str(session["swarmName"])
    now_ms = await sessions.now_ms(await sessions.home(names[0]))
    age_s = (now_ms - cast("int", head["acceptedAtMs"])) / 1000
    what = f"{head['kind']} {head['requestId']}, accepted {age_s:.1f} s ago, try {session['attempts']}"
    doing = {
        "held": f"worker {session['holder']} runs {what}",
        "ready": f"waits for a worker that serves its swarm: {what}",
        "delayed": f"waits until a retry is due: {what}",
    }.get(str(session["status"]), f"{session['status']}: {what}")
    steps = await sessions.steps(*names, str(head["requestId"]))
    return {"now": f"{doing}; {behind} more wait behind it", "steps": cast("list[JsonValue]", steps)}


def _print_session(session: dict[str, JsonValue]) -> None:
    lists = ("steps", "history", "outbox", "waiting", "control")
    for name, value in session.items():
        if name not in lists and value not in (None, "", [], {}):
            typer.echo(f"{name:<14} {printable(value) if isinstance(value, str) else compact(value)}")
    for name in lists:
        entries = cast("list[JsonValue]", session[name])
        typer.echo(f"{name} ({len(entries)})")
        shown = {"outbox": 0, "waiting": WAITING_SHOWN}.get(name, len(entries))
        for entry in entries[:shown]:
            typer.echo(f"  {printable(_line(entry))}")
        if 0 < shown < len(entries):
            typer.echo(f"  and {len(entries) - shown} more; --json has all")


def _line(entry: JsonValue) -> str:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, dict) and "role" in entry:
        content = entry.get("content") or compact(entry.get("tool_calls", ""))
        return f"{entry['role']:<10} {entry.get('agentName', '')}: {content}"
    return compact(entry)
