"""The connections of a producer and what hangs on them: the namespace, and the desk where replies arrive."""

import asyncio
import contextlib
import weakref
from typing import Self

from producers.clock import sleep
from producers.commanders import Commanders
from producers.errors import ProtocolMismatch, QueueUnavailable
from producers.line import Address
from producers.listening import Consumer
from producers.namespace import LOOK_AGAIN_S, Namespace
from producers.replies import ReplyDesk
from producers.subscription import Subscription
from schemas.keyspace import ShardKeys


class Hub:
    """Opened once, used by every call of a producer."""

    def __init__(self, address: Address, namespace: Namespace) -> None:
        self.address = address
        self.namespace = namespace
        self.commanders = Commanders(address, namespace.name)
        self.subscription = Subscription(address)
        self.desk = ReplyDesk(self.commanders)
        #: who listens where it may be the wrong shard, until a worker has made the namespace; and their client ids
        self._unsettled: list[tuple[weakref.ref[Consumer[object]], str]] = []
        self._settling: asyncio.Task[None] | None = None

    async def open(self) -> Self:
        """Connect; raise QueueUnavailable, ProtocolMismatch."""
        self.commanders.open()
        self.subscription.open()
        try:
            await self._settle()
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Close all connections; whoever still waits gets QueueUnavailable."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait((self._settling,))
        self.desk.close()
        await self.subscription.close()
        await self.commanders.close()

    async def shards(self) -> tuple[ShardKeys, ...]:
        """Return the keys of all shards, as far as known; raise ProtocolMismatch."""
        await self._look_again()
        return self.namespace.keys

    async def shard_of(self, client_id: str) -> ShardKeys:
        """Return the keys of the shard that serves a client; raise ProtocolMismatch."""
        if self.namespace.is_due(asyncio.get_running_loop().time()):
            await self._look_again()
        return self.namespace.keys_of(client_id)

    def follow(self, consumer: Consumer[object], client_id: str) -> None:
        """Let a consumer move to the shard of its client, once it is known how many there are."""
        if self.namespace.is_known:
            return
        self._unsettled.append((weakref.ref(consumer), client_id))
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle_consumers(), name="producer shards")

    async def _settle_consumers(self) -> None:
        fault = ""
        while not self.namespace.is_known and not fault:
            await sleep(LOOK_AGAIN_S)
            try:
                await self._look_again()
            except ProtocolMismatch as mismatch:
                fault = str(mismatch)
        unsettled, self._unsettled = self._unsettled, []
        for reference, client_id in unsettled:
            consumer = reference()
            if consumer is not None and fault:
                consumer.refuse(fault)
            elif consumer is not None:
                consumer.move(self.namespace.keys_of(client_id))

    async def _look_again(self) -> None:
        # An outage must not fail a call here: the call has a time-out of its own, and the shards known so far
        if self.namespace.is_due(asyncio.get_running_loop().time()) and self.commanders.first.is_connected:
            with contextlib.suppress(QueueUnavailable):
                await self._settle()

    async def _settle(self) -> None:
        timeout_s = self.address.connect_timeout_s
        await self.namespace.read(self.commanders.first, timeout_s=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                # before the first request: a reply could come before we listen
                await self.desk.listen(self.subscription, self.namespace.keys)
        except TimeoutError:
            raise QueueUnavailable(f"no subscription within {timeout_s:g} s: {self.subscription.state}") from None
