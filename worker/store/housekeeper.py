"""What housekeeping asks of one shard: sweep, reclaim, trim and the figures of the whole cluster."""

from collections.abc import Iterable

from schemas.keyspace import ADMISSION_GROUP, ShardKeys
from worker.core.cluster_sample import ClusterSample
from worker.store.claims import parse_record
from worker.store.link import Answer, Link
from worker.store.script import load

#: sessions that one call of the sweep looks at, so that it stays short
SWEEP_BATCH = 100
#: begins the names of those who do nothing but show figures
EXPORTER = "exporter-"


class ShardHousekeeper:
    """The periodic work on one shard, over a connection of its own; may run anywhere, any number of times."""

    def __init__(self, url: str, keys: ShardKeys, caller_id: str, lease_ms: int) -> None:
        """Prepare the connection; `caller_id` is under what name the continuity of reclaims is kept."""
        self._link = Link(url)
        self._keys = keys
        self._caller_id = caller_id
        self._lease_ms = lease_ms

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def sweep(self) -> int:
        """Ask idle sessions that are due to dispose; returns how many were asked."""
        keys, total = self._keys, 0
        while True:
            seen, asked = await self._link.call(
                load("sweep"), keys.sessions, keys.ready, keys.bell, keys.base, SWEEP_BATCH
            )
            total += asked
            if seen < SWEEP_BATCH:
                return total

    async def reclaim(self) -> int:
        """Give back the sessions of workers whose lease is over; returns how many."""
        keys = self._keys
        return await self._link.call(
            load("reclaim"),
            keys.workers,
            keys.ops(self._caller_id),
            keys.ready,
            keys.suspects,
            keys.bell,
            keys.base,
            self._lease_ms,
        )

    async def trim(self) -> int:
        """Drop the entries of the requests stream that were admitted; returns how many."""
        return await self._link.call(load("trim"), self._keys.requests, self._keys.cursor)

    async def sample(self) -> ClusterSample:
        """Return the figures of the shard."""
        keys, command = self._keys, self._link.command
        now_s, micros = await command("TIME")
        now_ms = int(now_s) * 1000 + int(micros) // 1000
        return ClusterSample(
            stream_length=await command("XLEN", keys.requests),
            stream_lag=await self._lag(),
            oldest_waiting_s=max(0, now_ms - await self._oldest_ms(now_ms)) / 1000,
            # One whose lease is over is dead, although nobody may be left to take its sessions away.
            workers_live=await command("ZCOUNT", keys.workers, now_ms, "+inf"),
            sessions_active=await command("ZCARD", keys.sessions),
            held=await self._held(),
            ready=await command("LLEN", keys.ready) + await command("LLEN", keys.suspects),
            delayed=await command("ZCARD", keys.delayed),
            dead=await command("XLEN", keys.dead),
        )

    async def become_sampler(self, caller_id: str, life_ms: int, *, insists: bool) -> bool:
        """Take or keep the place of who shows the figures of the cluster, for `life_ms`; tell whether it is ours.

        Who insists takes it from anybody but another one that does: its `caller_id` begins with `EXPORTER`.
        """
        holder = await self._link.command("SET", self._keys.sampler, caller_id, "NX", "GET", "PX", life_ms)
        if holder is None:
            return True
        if holder.decode() == caller_id or (insists and not holder.startswith(EXPORTER.encode())):
            await self._link.command("SET", self._keys.sampler, caller_id, "PX", life_ms)
            return True
        return False

    async def leave_sampling(self, caller_id: str) -> None:
        """Give up the place of who shows the figures, if it is ours."""
        if await self._link.command("GET", self._keys.sampler) == caller_id.encode():
            await self._link.command("DEL", self._keys.sampler)

    async def _held(self) -> int:
        workers = await self._link.command("ZRANGE", self._keys.workers, 0, -1)
        return sum([await self._link.command("SCARD", self._keys.held(worker.decode())) for worker in workers])

    async def _lag(self) -> int | None:
        if not await self._link.command("EXISTS", self._keys.requests):
            return 0
        for group in await self._link.command("XINFO", "GROUPS", self._keys.requests):
            figures = _by_name(group)
            if figures[b"name"] == ADMISSION_GROUP.encode():
                return figures[b"lag"]
        return None

    async def _oldest_ms(self, now_ms: int) -> int:
        """Return when the oldest request that waits was sent (not admitted yet) or accepted (no holder yet)."""
        keys, command = self._keys, self._link.command
        cursor = await command("HGET", keys.cursor, "id")
        entries = await command("XRANGE", keys.requests, b"(" + cursor if cursor else "-", "+", "COUNT", 1)
        times = [int(entry_id.split(b"-")[0]) for entry_id, _ in entries]
        for waiting in (keys.ready, keys.suspects):
            sid = await command("LINDEX", waiting, 0)
            head = sid and await command("LINDEX", keys.mailbox(sid.decode()), 0)
            if head:
                times.append(parse_record(head).accepted_at_ms)
        return min(times, default=now_ms)


def _by_name(flat: Iterable[Answer]) -> dict[bytes, Answer]:
    values = iter(flat)
    return dict(zip(values, values, strict=True))
