"""The requests streams of a namespace, for writing."""

from collections.abc import Mapping

from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from schemas.wire import from_fields, to_fields
from worker.store.links import Links


class Outlet:
    """Puts requests on the stream of their shard, as any producer would."""

    def __init__(self, url: str, namespace: str, shards: int) -> None:
        """Prepare the connections; nothing is opened yet."""
        self._links = Links(url, namespace)
        self._namespace = namespace
        self._shards = shards

    async def put(self, fields: Mapping[str, str]) -> None:
        """Add a request; raises BadRequest, QueueUnavailable (it may have been added: adding it again is harmless)."""
        request = from_fields(fields)
        keys = ShardKeys(self._namespace, shard_of(request.client_id, self._shards))
        flat = [text for pair in to_fields(request).items() for text in pair]
        await self._links.of(keys).command("XADD", keys.requests, "*", *flat)

    async def close(self) -> None:
        """Close the connections."""
        await self._links.close()
