"""Workers as people look at them: their leases in all shards, and what they hold."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from schemas.keyspace import ShardKeys
from worker.store.link import by_name
from worker.store.links import Links


class WorkerRow(NamedTuple):
    """One worker; `lease_s` is what is left of its shortest lease, below 0 when that is over."""

    worker_id: str
    lease_s: float
    held: int
    shards: int


class Workers:
    """All workers of a namespace that have a lease; every method raises `QueueUnavailable`."""

    def __init__(self, links: Links) -> None:
        """Read over `links`, which nobody else may use at the same time."""
        self._links = links

    async def all(self) -> list[WorkerRow]:
        """Return every worker, those with the longest leases first."""
        rows: dict[str, WorkerRow] = {}
        for keys in await self._links.shards():
            link = self._links.of(keys)
            now_ms = await link.now_ms()
            flat = await link.command("ZRANGE", keys.workers, 0, -1, "WITHSCORES")
            for raw_id, score in by_name(flat).items():
                worker_id = raw_id.decode("utf-8", "replace")
                held = await link.command("SCARD", keys.held(worker_id))
                row = WorkerRow(worker_id, round((float(score) - now_ms) / 1000, 1), held, 1)
                rows[worker_id] = _joined(rows[worker_id], row) if worker_id in rows else row
        return sorted(rows.values(), key=lambda row: -row.lease_s)

    async def tell(self, worker_id: str, order: str) -> bool:
        """Publish an order (see `WORKER_QUIET`) on a worker's channel; tell whether anybody heard it."""
        keys, *_ = await self._links.shards()  # it listens in every shard
        return await self._links.of(keys).command("PUBLISH", keys.worker_channel(worker_id), order) > 0

    async def held_by(self, worker_id: str) -> AsyncIterator[tuple[ShardKeys, str]]:
        """Yield the sessions that a worker holds, each with its shard."""
        for keys in await self._links.shards():
            for sid in sorted(await self._links.of(keys).command("SMEMBERS", keys.held(worker_id))):
                yield keys, sid.decode("utf-8", "replace")


def _joined(one: WorkerRow, other: WorkerRow) -> WorkerRow:
    lease_s = min(one.lease_s, other.lease_s)
    return WorkerRow(one.worker_id, lease_s, one.held + other.held, one.shards + other.shards)
