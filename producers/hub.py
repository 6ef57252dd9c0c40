"""The two connections of a producer and what hangs on them: the namespace, and the desk where replies arrive."""

import asyncio
import contextlib
from typing import Self

from producers.commander import Commander
from producers.errors import QueueUnavailable
from producers.line import Address
from producers.namespace import Namespace
from producers.replies import ReplyDesk
from producers.subscription import Subscription
from schemas.keyspace import ShardKeys


class Hub:
    """Opened once, used by every call of a producer."""

    def __init__(self, address: Address, namespace: Namespace) -> None:
        self.address = address
        self.namespace = namespace
        self.commander = Commander(address)
        self.subscription = Subscription(address)
        self.desk = ReplyDesk(self.commander)

    async def open(self) -> Self:
        """Connect; raise QueueUnavailable, ProtocolMismatch."""
        self.commander.open()
        self.subscription.open()
        try:
            await self._settle()
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Close both connections; whoever still waits gets QueueUnavailable."""
        self.desk.close()
        await self.subscription.close()
        await self.commander.close()

    async def shards(self) -> tuple[ShardKeys, ...]:
        """Return the keys of all shards, as far as known; raise ProtocolMismatch."""
        await self._look_again()
        return self.namespace.keys

    async def shard_of(self, client_id: str) -> ShardKeys:
        """Return the keys of the shard that serves a client; raise ProtocolMismatch."""
        if self.namespace.is_due(asyncio.get_running_loop().time()):
            await self._look_again()
        return self.namespace.keys_of(client_id)

    async def _look_again(self) -> None:
        # An outage must not fail a call here: the call has a time-out of its own, and the shards known so far
        if self.namespace.is_due(asyncio.get_running_loop().time()) and self.commander.is_connected:
            with contextlib.suppress(QueueUnavailable):
                await self._settle()

    async def _settle(self) -> None:
        timeout_s = self.address.connect_timeout_s
        await self.namespace.read(self.commander, timeout_s=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                # before the first request: a reply could come before we listen
                await self.desk.listen(self.subscription, self.namespace.keys)
        except TimeoutError:
            raise QueueUnavailable(f"no subscription within {timeout_s:g} s: {self.subscription.state}") from None
