"""The figures of one shard at one moment, for metrics and for screens."""

from schemas.keyspace import ADMISSION_GROUP, ShardKeys
from worker.core.cluster_sample import ClusterSample
from worker.store.claims import parse_record
from worker.store.link import Link, by_name


async def figures_of(link: Link, keys: ShardKeys) -> ClusterSample:
    """Return the figures of a shard; raises `QueueUnavailable`."""
    command, now_ms = link.command, await link.now_ms()
    return ClusterSample(
        stream_length=await command("XLEN", keys.requests),
        stream_lag=await _lag(link, keys),
        oldest_waiting_s=max(0, now_ms - await _oldest_ms(link, keys, now_ms)) / 1000,
        # One whose lease is over is dead, although nobody may be left to take its sessions away.
        workers_live=await command("ZCOUNT", keys.workers, now_ms, "+inf"),
        sessions_active=await command("ZCARD", keys.sessions),
        held=await _held(link, keys),
        ready=await command("LLEN", keys.ready) + await command("LLEN", keys.suspects),
        delayed=await command("ZCARD", keys.delayed),
        dead=await command("XLEN", keys.dead),
    )


async def _held(link: Link, keys: ShardKeys) -> int:
    workers = await link.command("ZRANGE", keys.workers, 0, -1)
    return sum([await link.command("SCARD", keys.held(worker.decode())) for worker in workers])


async def _lag(link: Link, keys: ShardKeys) -> int | None:
    if not await link.command("EXISTS", keys.requests):
        return 0
    for group in await link.command("XINFO", "GROUPS", keys.requests):
        figures = by_name(group)
        if figures[b"name"] == ADMISSION_GROUP.encode():
            return figures[b"lag"]
    return None


async def _oldest_ms(link: Link, keys: ShardKeys, now_ms: int) -> int:
    """Return when the oldest request that waits was sent (not admitted yet) or accepted (no holder yet)."""
    command = link.command
    cursor = await command("HGET", keys.cursor, "id")
    entries = await command("XRANGE", keys.requests, b"(" + cursor if cursor else "-", "+", "COUNT", 1)
    times = [int(entry_id.split(b"-")[0]) for entry_id, _ in entries]
    for waiting in (keys.ready, keys.suspects):
        sid = await command("LINDEX", waiting, 0)
        # a mailbox that somebody overwrote stops its own session, not the figures of all
        head = sid and (await link.batch([("LINDEX", keys.mailbox(sid.decode()), 0)]))[0]
        if isinstance(head, bytes):
            times.append(parse_record(head).accepted_at_ms)
    return min(times, default=now_ms)
