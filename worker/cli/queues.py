"""`swarmline queues`: what waits in each shard, and for how long."""

from dataclasses import asdict

from schemas.keyspace import ShardKeys
from worker.cli.asking import Row, asked, print_rows
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.workers import NOBODY
from worker.store.figures import figures_of
from worker.store.link import Link
from worker.store.links import Links

#: figure of a sample -> its column
COLUMNS = {
    "workers_live": "workers",
    "stream_lag": "waiting",
    "ready": "ready",
    "held": "held",
    "delayed": "delayed",
    "sessions_active": "idle",
    "dead": "dead",
    "oldest_waiting_s": "oldest_s",
}


def queues(*, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """Show each shard: live workers, requests not admitted yet, sessions by what they are, dead letters."""
    rows = asked(_rows, redis_url=redis_url, namespace=namespace)
    print_rows(rows, as_json=as_json, empty="no shards", above="" if all(row["workers"] for row in rows) else NOBODY)


async def _rows(links: Links) -> list[Row]:
    return [await _row(links.of(keys), keys) for keys in await links.shards()]


async def _row(link: Link, keys: ShardKeys) -> Row:
    sample = asdict(await figures_of(link, keys))
    return {"shard": keys.shard} | {column: sample[figure] for figure, column in COLUMNS.items()}
