"""What housekeeping asks of one shard: sweep, reclaim, trim and the figures of the whole cluster."""

from schemas.keyspace import ShardKeys
from worker.core.cluster_sample import ClusterSample
from worker.store.figures import figures_of
from worker.store.link import Link
from worker.store.script import load

#: sessions that one call of the sweep looks at, so that it stays short
SWEEP_BATCH = 100
#: begins the names of those who do nothing but show figures
EXPORTER = "exporter-"


class ShardHousekeeper:
    """The periodic work on one shard, over a connection of its own; may run anywhere, any number of times."""

    def __init__(self, url: str, keys: ShardKeys, caller_id: str, lease_ms: int) -> None:
        """Prepare the connection; `caller_id` is under what name the continuity of reclaims is kept."""
        self._link = Link(url, keys.slot)
        self._keys = keys
        self._caller_id = caller_id
        self._lease_ms = lease_ms

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def sweep(self) -> int:
        """Ask idle sessions that are due to dispose, if a worker lives; returns how many were asked."""
        keys, total = self._keys, 0
        while True:
            seen, asked = await self._link.call(
                load("sweep"), keys.sessions, keys.ready, keys.bell, keys.workers, keys.base, SWEEP_BATCH
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
        return await figures_of(self._link, self._keys)

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
