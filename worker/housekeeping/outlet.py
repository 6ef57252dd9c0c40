"""The requests streams of a namespace, for writing."""

import asyncio
from collections.abc import Mapping

from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from schemas.wire import from_fields, to_fields
from worker.store.link import Link


class Outlet:
    """Puts requests on the stream of their shard, as any producer would."""

    def __init__(self, url: str, namespace: str, shards: int) -> None:
        """Prepare one connection for all shards; nothing is opened yet."""
        self._link = Link(url)
        self._namespace = namespace
        self._shards = shards
        self._one_call = asyncio.Lock()  # a link carries one call at a time

    async def put(self, fields: Mapping[str, str]) -> None:
        """Add a request; raises BadRequest, QueueUnavailable (it may have been added: adding it again is harmless)."""
        request = from_fields(fields)
        keys = ShardKeys(self._namespace, shard_of(request.client_id, self._shards))
        flat = [text for pair in to_fields(request).items() for text in pair]
        async with self._one_call:
            await self._link.command("XADD", keys.requests, "*", *flat)

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()
