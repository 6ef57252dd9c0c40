"""Following the bus: what happens in the sessions of one client, or of all."""

from producers.listening import Consumer, Gap
from producers.subscription import Subscription
from schemas.errors import BadItem
from schemas.events import BusEvent, CustomEvent, parse_event
from schemas.keyspace import ShardKeys, bus_pattern, is_bus_channel


class Events(Consumer[BusEvent | CustomEvent]):
    """Bus events, live: what is published while nobody listens, or during a reconnect, is in the events stream only."""

    def __init__(self, subscription: Subscription, namespace: str, channel: str, client_id: str = "") -> None:
        self._namespace = namespace
        self._client_id = client_id
        super().__init__(subscription, channel)

    @classmethod
    def of_client(cls, subscription: Subscription, keys: ShardKeys, client_id: str) -> "Events":
        """Listen to one client; `keys` are those of its shard."""
        return cls(subscription, keys.namespace, keys.bus_channel(client_id), client_id)

    @classmethod
    def of_all(cls, subscription: Subscription, namespace: str) -> "Events":
        """Listen to all clients of a namespace."""
        return cls(subscription, namespace, bus_pattern(namespace))

    def channel_in(self, keys: ShardKeys) -> str:
        """Return the channel of the client in a shard."""
        return keys.bus_channel(self._client_id) if self._client_id else super().channel_in(keys)

    async def _next(self) -> BusEvent | CustomEvent:
        while True:
            published = await self._feed.take()
            if isinstance(published, Gap):
                continue
            channel, data = published
            # the pattern also matches channels of others, such as a client channel whose client id holds ":bus:"
            if is_bus_channel(self._namespace, channel.decode(errors="replace")):
                try:
                    return parse_event(data)
                except BadItem:
                    continue  # of a newer minor version
