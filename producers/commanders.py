"""The connections for commands: one to a single server; on a Redis Cluster one for each shard that is used."""

from producers.commander import Commander
from producers.line import Address
from schemas.cluster import slot_of
from schemas.keyspace import ShardKeys, meta_key


class Commanders:
    """Knows which connection leads to a shard."""

    def __init__(self, address: Address, namespace: str) -> None:
        self._address = address
        #: reads what the namespace says of itself; on a single server it does all the rest too
        self.first = Commander(address.at(slot_of(meta_key(namespace))))
        self._by_shard: dict[int, Commander] = {}

    def open(self) -> None:
        """Start to connect; use `of` only when an answer has come."""
        self.first.open()

    def of(self, keys: ShardKeys) -> Commander:
        """Return the connection to a shard; opens it where it is the first use."""
        return self._by_shard.get(keys.shard) or self._found(keys)

    async def close(self) -> None:
        """Close all connections and tell everybody who still waits."""
        for commander in {self.first, *self._by_shard.values()}:
            await commander.close()

    def _found(self, keys: ShardKeys) -> Commander:
        commander = self.first
        if self._address.nodes.is_cluster:
            commander = Commander(self._address.at(keys.slot))
            commander.open()
        return self._by_shard.setdefault(keys.shard, commander)
