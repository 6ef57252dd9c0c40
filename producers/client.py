"""The producer: sends requests, waits for replies, listens to sessions and to the bus."""

import asyncio
from types import TracebackType
from typing import Self, Unpack

from producers.errands import Errands
from producers.errors import InvalidRequest
from producers.events import Events
from producers.hub import Hub
from producers.line import Address
from producers.namespace import Namespace
from producers.packing import (
    ExecuteFields,
    SendFields,
    check_client_id,
    check_swarm_name,
    pack_request,
)
from producers.replies import Sending
from producers.stream import Resume, Stream
from producers.waiting import give_up, share_result, wait_for_result
from schemas.keyspace import DEFAULT_NAMESPACE, ShardKeys, sid_of
from schemas.names import is_request_id
from schemas.replies import Reply
from schemas.requests import RequestKind


class Producer(Errands):
    """Sends requests to the workers of a namespace and receives what they publish; use it with `async with`.

    One producer serves thousands of concurrent calls over two connections, on a Redis Cluster over one more for each
    shard. It survives reconnects: what was not answered is sent again under the same request id, which the workers run
    once.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        shards: int | None = None,
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 5.0,
        arq_url: str | None = None,
    ) -> None:
        """Prepare a producer; raise InvalidRequest for settings that can't be.

        `url` is redis://, rediss:// or unix://; `arq_url` is the Redis of housekeeping, if the workers use another one.
        `shards` is only for those who want to be warned when the namespace has another number. A connection without any
        sign of life for `answer_timeout_s` is given up and made anew.
        """
        if arq_url is not None:
            Address(arq_url)  # else it would be refused when something is first kept there
        if not (connect_timeout_s > 0 and answer_timeout_s > 0):
            raise InvalidRequest("connect_timeout_s and answer_timeout_s must be positive")
        hub = Hub(Address(url, connect_timeout_s, answer_timeout_s), Namespace(namespace, shards))
        super().__init__(hub, arq_url)

    async def open(self) -> Self:
        """Connect; raise QueueUnavailable, ProtocolMismatch. `async with` does this."""
        await self._hub.open()
        return self

    async def close(self) -> None:
        """Close all connections; whoever still waits gets QueueUnavailable. `async with` does this."""
        await self._hub.close()
        await self.close_schedule()

    async def __aenter__(self) -> Self:
        """Connect; raise QueueUnavailable, ProtocolMismatch."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self.close()

    async def execute(
        self,
        client_id: str,
        swarm_name: str,
        message: str,
        *,
        timeout_s: float = 30.0,
        **fields: Unpack[ExecuteFields],
    ) -> Reply:
        """Send a message to the active agent of a session and return the terminal reply, whatever its status is.

        Raise ReplyTimeout when no reply came within `timeout_s` seconds, QueueUnavailable when Redis could not be
        reached in that time, InvalidRequest before anything is sent.
        """
        check_client_id(client_id)
        check_swarm_name(swarm_name)
        hub = self._hub
        keys = hub.namespace.keys_of(client_id) if hub.namespace.is_known else await hub.shard_of(client_id)
        if fields:
            texts = {"message": message, **fields}
            reply_to = hub.desk.reply_to(keys)
            parcel = pack_request(keys, client_id, swarm_name, RequestKind.EXECUTE, texts, reply_to)
        else:
            parcel = hub.desk.letterhead(keys).pack_message(client_id, swarm_name, message)
        expected = hub.desk.send(parcel, timeout_s)
        if expected is None:
            # somebody here waits for the same request id already: both get the one reply
            return await share_result(hub, parcel, timeout_s)
        try:
            reply = await expected.future
        finally:
            hub.desk.forget(expected)
        return reply if isinstance(reply, Reply) else await give_up(hub, expected, timeout_s)

    async def send(
        self,
        client_id: str,
        swarm_name: str,
        kind: RequestKind | str,
        *,
        timeout_s: float = 10.0,
        **fields: Unpack[SendFields],
    ) -> str:
        """Send a request of any kind and return its request id as soon as it is in the stream.

        `fields` are the keys of the body in snake_case, and those of the envelope such as `when_busy`. Raise
        QueueUnavailable when Redis did not confirm within `timeout_s` seconds, InvalidRequest before anything is sent.
        """
        check_client_id(client_id)
        check_swarm_name(swarm_name)
        keys = await self._hub.shard_of(client_id)
        parcel = pack_request(keys, client_id, swarm_name, kind, fields)
        sending = Sending(parcel, asyncio.get_running_loop().create_future())
        await self._hub.commanders.of(keys).carry_out(sending, timeout_s=timeout_s)
        return parcel.request_id

    async def result(self, request_id: str, *, client_id: str | None = None, timeout_s: float = 30.0) -> Reply:
        """Return the terminal reply of a request that anybody sent; it is kept for some minutes after it was given.

        With more than one shard, `client_id` spares the look into all of them. Raise ReplyTimeout.
        """
        if not is_request_id(request_id):
            raise InvalidRequest("request_id must have 1 to 128 characters of A-Z a-z 0-9 _ . : -")
        hub = self._hub
        if client_id is None:
            return await wait_for_result(hub.commanders, hub.shards, request_id, timeout_s)
        check_client_id(client_id)
        of_client = client_id

        async def shard() -> tuple[ShardKeys, ...]:
            return (await hub.shard_of(of_client),)

        return await wait_for_result(hub.commanders, shard, request_id, timeout_s)

    def stream(self, client_id: str, swarm_name: str, *, after: Resume = None) -> Stream:
        """Follow a session: emits, notifies, replies and deltas, in order, without gap or double.

        `after` is None for all that the outbox still holds, the `seq` of the last item seen to go on from there, or
        "$" for only what comes from now on. Iterate with `async for`; to be sure that nothing is missed from a given
        moment on, `await` its `opened()`.
        """
        check_client_id(client_id)
        check_swarm_name(swarm_name)
        hub = self._hub
        keys = hub.namespace.keys_of(client_id)
        stream = Stream(hub.subscription, hub.commanders, keys, sid_of(swarm_name, client_id), after=after)
        hub.follow(stream, client_id)
        return stream

    def events(self, *, client_id: str | None = None) -> Events:
        """Follow the bus events of one client, or of all; live only. Iterate as with `stream`."""
        hub = self._hub
        if client_id is None:
            return Events.of_all(hub.subscription, hub.namespace.name)
        check_client_id(client_id)
        events = Events.of_client(hub.subscription, hub.namespace.keys_of(client_id), client_id)
        hub.follow(events, client_id)
        return events
