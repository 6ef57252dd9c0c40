"""What a namespace says about itself: protocol version and number of shards, from the meta hash."""

import asyncio
from typing import Final, cast

from producers.commander import Commander
from producers.errors import InvalidRequest, ProtocolMismatch
from schemas.keyspace import ShardKeys, meta_key
from schemas.names import PROTOCOL_VERSION, is_namespace, shard_of

#: the first worker of a namespace writes the meta hash; until then we look again this often, when used
LOOK_AGAIN_S: Final = 1.0


class Namespace:
    """The shards of a namespace; 1 is assumed as long as no worker has ever run in it."""

    def __init__(self, name: str, shards: int | None) -> None:
        if not is_namespace(name):
            raise InvalidRequest("namespace must have 1 to 64 characters of A-Z a-z 0-9 _ . : -")
        if shards is not None and shards < 1:
            raise InvalidRequest("shards must be at least 1, or None to use what the namespace says")
        self._wanted = shards
        self._keys = tuple(ShardKeys(name, shard) for shard in range(shards or 1))
        self._look_at = 0.0
        self.name = name
        #: whether the meta hash was read; until then one shard is assumed
        self.is_known = False

    @property
    def keys(self) -> tuple[ShardKeys, ...]:
        """Return the keys of all shards."""
        return self._keys

    def keys_of(self, client_id: str) -> ShardKeys:
        """Return the keys of the shard that serves a client."""
        return self._keys[shard_of(client_id, len(self._keys))]

    def is_due(self, now: float) -> bool:
        """Tell whether `read` should be called; `now` by the event loop's clock."""
        return not self.is_known and now >= self._look_at

    async def read(self, commander: Commander, *, timeout_s: float) -> None:
        """Read the meta hash; raise ProtocolMismatch, QueueUnavailable."""
        self._look_at = asyncio.get_running_loop().time() + LOOK_AGAIN_S
        answer = await commander.call("HMGET", meta_key(self.name), "protocol", "shards", timeout_s=timeout_s)
        protocol, shards = cast("list[bytes | None]", answer)
        if protocol is not None or shards is not None:
            self._adopt(_number(protocol), _number(shards))

    def _adopt(self, protocol: int | None, shards: int | None) -> None:
        if protocol != PROTOCOL_VERSION:
            raise ProtocolMismatch(
                f"namespace {self.name} speaks protocol {protocol}, this producer {PROTOCOL_VERSION}: "
                f"install the version of swarmline that its workers run"
            )
        if shards is None or shards < 1:
            raise ProtocolMismatch(f"{meta_key(self.name)} holds no number of shards: it was not written by a worker")
        if self._wanted not in (None, shards):
            raise ProtocolMismatch(
                f"namespace {self.name} has {shards} shards, not {self._wanted}: leave `shards` out, "
                f"the number is fixed when a namespace is made"
            )
        self._keys = tuple(ShardKeys(self.name, shard) for shard in range(shards))
        self.is_known = True


def _number(raw: bytes | None) -> int | None:
    return int(raw) if raw is not None and raw.isdigit() else None
