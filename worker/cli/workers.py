"""`swarmline workers`: who has a lease and holds what; lets one be quiet, or end."""

import json
from typing import Annotated

import typer

from schemas.keyspace import WORKER_DRAIN, WORKER_QUIET, ShardKeys, split_sid
from worker.cli.asking import Row, asked, print_rows
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.clock import monotonic, sleep
from worker.errors import EXIT_DRAIN_TIMEOUT, SwarmlineError
from worker.store.links import Links
from worker.store.sessions import Sessions
from worker.store.workers import Workers

LOOK_EVERY_S = 0.1
NOBODY = "no worker is live: nothing is answered until one starts"

workers = typer.Typer(help="Workers: list, show what one holds, let it be quiet or end.", no_args_is_help=True)

WorkerId = Annotated[str, typer.Argument(help="As `workers ls` prints it; its beginning is enough.", metavar="ID")]

TimeoutS = Annotated[float, typer.Option("--timeout-s", help="How long to wait until it is gone, in seconds.", min=0.1)]


@workers.command("ls")
def ls(*, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """List the workers: is the lease live, what is left of it in the worst shard, how many sessions are held in all."""

    async def listed(links: Links) -> list[Row]:
        return [
            {
                "worker": worker.worker_id,
                "state": "live" if worker.lease_s > 0 else "dead",
                "lease_s": worker.lease_s,
                "held": worker.held,
                "shards": worker.shards,
            }
            for worker in await Workers(links).all()
        ]

    rows = asked(listed, redis_url=redis_url, namespace=namespace)
    is_anybody_live = any(row["state"] == "live" for row in rows)
    print_rows(rows, as_json=as_json, empty=NOBODY, above="" if is_anybody_live else f"{NOBODY}; the leases are over")


@workers.command("show")
def show(
    worker_id: WorkerId, *, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False
) -> None:
    """Show the sessions that a worker holds, with the request at the head of each."""

    async def held(links: Links) -> list[Row]:
        workers, sessions = Workers(links), Sessions(links)
        found = await _one(workers, worker_id)
        return [await _row(sessions, keys, sid) async for keys, sid in workers.held_by(found)]

    rows = asked(held, redis_url=redis_url, namespace=namespace)
    print_rows(rows, as_json=as_json, empty="it holds no session now")


@workers.command("quiet")
def quiet(
    worker_id: WorkerId, *, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False
) -> None:
    """Let a worker claim nothing more, and finish what it holds; like SIGUSR1."""

    async def told(links: Links) -> str:
        return await _tell(Workers(links), worker_id, WORKER_QUIET)

    found = asked(told, redis_url=redis_url, namespace=namespace)
    typer.echo(json.dumps({"worker": found, "told": "quiet"}) if as_json else f"{found} was told to be quiet")


@workers.command("drain")
def drain(
    worker_id: WorkerId,
    *,
    timeout_s: TimeoutS = 60.0,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Let a worker end in good order, as SIGTERM does, and wait for it; a parent of --processes starts another."""

    async def gone(links: Links) -> tuple[str, bool]:
        workers, deadline = Workers(links), monotonic() + timeout_s
        found = await _tell(workers, worker_id, WORKER_DRAIN)
        while found in {worker.worker_id for worker in await workers.all()}:
            if monotonic() > deadline:
                return found, False
            await sleep(LOOK_EVERY_S)
        return found, True

    found, is_gone = asked(gone, redis_url=redis_url, namespace=namespace)
    if as_json:
        typer.echo(json.dumps({"worker": found, "gone": is_gone}))
    else:
        typer.echo(f"{found} is gone" if is_gone else f"{found} still drains", err=not is_gone)
    raise typer.Exit(0 if is_gone else EXIT_DRAIN_TIMEOUT)


async def _tell(workers: Workers, beginning: str, order: str) -> str:
    found = await _one(workers, beginning)
    if not await workers.tell(found, order):
        raise SwarmlineError(f"worker {found} does not listen (dead, or cut off): send a signal on its machine")
    return found


async def _one(workers: Workers, beginning: str) -> str:
    if not beginning:  # a variable of a shell that is not set must not end whoever is the only worker
        raise typer.BadParameter("the id is empty; see `swarmline workers ls`")
    ids = [worker.worker_id for worker in await workers.all() if worker.worker_id.startswith(beginning)]
    if len(ids) != 1:
        what = "no worker has a lease whose id" if not ids else f"{len(ids)} workers have ids that"
        raise typer.BadParameter(f"{what} begin{'s' * (not ids)} with {beginning!r}; see `swarmline workers ls`")
    return ids[0]


async def _row(sessions: Sessions, keys: ShardKeys, sid: str) -> Row:
    swarm, client = split_sid(sid)
    row, head = await sessions.row(keys, sid), await sessions.head(keys, sid)
    return {
        "client": client,
        "swarm": swarm,
        "turn": row.turn + 1 if row else None,
        "attempts": row.attempts if row else None,
        "waiting": row.waiting if row else 0,
        "request": head.request_id if head else None,
        "kind": head.kind if head else None,
        "age_s": (await sessions.now_ms(keys) - head.accepted_at_ms) / 1000 if head else None,
    }
