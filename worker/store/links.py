"""Connections for whoever looks at all shards in turn: one to a single server, one per shard on a Redis Cluster."""

from schemas.cluster import slot_of
from schemas.keyspace import ShardKeys, meta_key
from worker.errors import ProtocolMismatch
from worker.store.link import Link
from worker.store.node import nodes_of


class Links:
    """The way to every shard of a namespace."""

    def __init__(self, url: str, namespace: str, *, timeout_s: float = 5.0) -> None:
        """Prepare the connections; nothing is opened yet."""
        self.namespace = namespace
        self._url = url
        self._timeout_s = timeout_s
        self._nodes = nodes_of(url)
        #: to the hash that says what the namespace is
        self.meta = Link(url, slot_of(meta_key(namespace)), timeout_s=timeout_s)
        self._shards: dict[int, Link] = {}

    @property
    def are_of_cluster(self) -> bool:
        """Tell whether they lead to a Redis Cluster; known once one of them has connected."""
        return self._nodes.is_cluster is True

    def of(self, keys: ShardKeys) -> Link:
        """Return the connection to a shard; others may share it."""
        if self._nodes.is_cluster is False:
            return self.meta
        if keys.shard not in self._shards:
            self._shards[keys.shard] = Link(self._url, keys.slot, timeout_s=self._timeout_s)
        return self._shards[keys.shard]

    async def shards(self) -> list[ShardKeys]:
        """Return the shards of the namespace, one as long as no worker has made it.

        Raises `ProtocolMismatch`, `QueueUnavailable`.
        """
        key = meta_key(self.namespace)
        found = await self.meta.command("HGET", key, "shards")
        if found is not None and not found.isdigit():
            raise ProtocolMismatch(f"{key} holds no number of shards: it was not written by a worker")
        return [ShardKeys(self.namespace, shard) for shard in range(int(found or 1))]

    async def close(self) -> None:
        """Close all connections; the next call opens them anew."""
        for link in (self.meta, *self._shards.values()):
            await link.close()
