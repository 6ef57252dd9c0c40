"""What Redis has noted as held by one worker in one shard."""

from collections.abc import Container

from schemas.keyspace import ShardKeys
from worker.store.link import Link


class Noted:
    """The sessions in a worker's name, whether it has them or not; raises `QueueUnavailable`."""

    def __init__(self, link: Link, keys: ShardKeys, worker_id: str) -> None:
        """Read over a connection that others may share."""
        self._link = link
        self._keys = keys
        self._worker_id = worker_id

    async def beyond(self, known: Container[str]) -> dict[str, str]:
        """Return the sids that are not `known`, each with its fence."""
        noted = await self._link.command("SMEMBERS", self._keys.held(self._worker_id))
        sids = [sid for sid in (raw.decode("utf-8", "replace") for raw in noted) if sid not in known]
        fences = await self._link.batch([("HGET", self._keys.session(sid), "fence") for sid in sids]) if sids else []
        return {sid: fence.decode() for sid, fence in zip(sids, fences, strict=True) if isinstance(fence, bytes)}
