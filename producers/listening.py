"""What a channel carried and a consumer has not taken yet, with a bound; and the iterator on top of it."""

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from producers.errors import QueueUnavailable
from producers.subscription import Subscription
from schemas.keyspace import ShardKeys

#: items of a consumer that is slower than its channel; more are dropped, and the gap is told
BACKLOG_MAX: Final = 10_000


class Gap:
    """Stands where items may be missing: before the first one, after a reconnect, after too long a backlog."""


GAP: Final = Gap()

Published = tuple[bytes, bytes]


class Feed:
    """The published items, as (channel, data), that wait for one consumer."""

    def __init__(self) -> None:
        self._items: deque[Published | Gap] = deque()
        self._news = asyncio.Event()
        self._refusal = ""
        self._is_open = False

    def heard(self, channel: bytes, data: bytes) -> None:
        """Keep one item; when the consumer is too far behind, forget the backlog and leave a gap."""
        if len(self._items) >= BACKLOG_MAX:
            self._items.clear()
            self._items.append(GAP)
        self._items.append((channel, data))
        self._news.set()

    def opened(self, channel: bytes) -> None:  # noqa: ARG002 - a feed has one channel
        """Mark that items before this may be missing, and none from here on."""
        self._is_open = True
        self._items.append(GAP)
        self._news.set()

    def refused(self, reason: str) -> None:
        """End the feed after what it holds."""
        self._refusal = reason
        self._news.set()

    async def wait_until_open(self) -> None:
        """Wait for the confirmation of Redis; raise QueueUnavailable if it refuses."""
        while not self._is_open:
            self._check()
            self._news.clear()
            await self._news.wait()

    async def take(self) -> Published | Gap:
        """Return the next item or gap; raise QueueUnavailable after the last one of a refused feed."""
        while not self._items:
            self._check()
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()

    def until_gap(self) -> Iterator[bytes]:
        """Iterate over the data of what waits, up to the next gap."""
        for item in self._items:
            if isinstance(item, Gap):
                return
            yield item[1]

    @property
    def has_gap_next(self) -> bool:
        """Tell whether the next to be taken is a gap."""
        return bool(self._items) and isinstance(self._items[0], Gap)

    def _check(self) -> None:
        if self._refusal:
            raise QueueUnavailable(self._refusal)


Item = TypeVar("Item", covariant=True)  # noqa: PLC0105 - the word for what is iterated over


class Consumer(ABC, AsyncIterator[Item], Generic[Item]):
    """An endless `async for`; it unsubscribes when it is closed, or when nobody holds it any more."""

    def __init__(self, subscription: Subscription, channel: str) -> None:
        self._feed = Feed()
        self._subscription = subscription
        self._channel = channel
        self._unsubscribe = self._listen()

    def _listen(self) -> "weakref.finalize[..., Self]":
        self._subscription.add(self._channel, self._feed)
        # A `break` out of `async for` just drops the iterator
        unsubscribe = weakref.finalize(self, self._subscription.remove_soon, self._channel, self._feed)
        unsubscribe.atexit = False
        return unsubscribe

    def move(self, keys: ShardKeys) -> None:
        """Listen in another shard from now on: more was learnt of the namespace."""
        channel = self.channel_in(keys)
        if self._unsubscribe.alive and channel != self._channel:
            self._unsubscribe.detach()
            self._subscription.remove(self._channel, self._feed)
            self._channel = channel
            self._unsubscribe = self._listen()

    def refuse(self, reason: str) -> None:
        """End it: nobody can tell any more where to listen."""
        self._feed.refused(reason)

    def channel_in(self, keys: ShardKeys) -> str:  # noqa: ARG002 - a pattern is the same in all of them
        """Return what it listens to in a shard."""
        return self._channel

    async def opened(self) -> None:
        """Wait until Redis has confirmed: nothing that is published from here on is missed. Raise QueueUnavailable."""
        await self._feed.wait_until_open()

    async def aclose(self) -> None:
        """Stop listening."""
        self._unsubscribe()

    async def __aenter__(self) -> Self:
        """Wait until nothing is missed."""
        await self.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self.aclose()

    async def __anext__(self) -> Item:
        """Return the next item; raise QueueUnavailable if Redis does not let us listen."""
        if not self._unsubscribe.alive:
            raise StopAsyncIteration
        return await self._next()

    @abstractmethod
    async def _next(self) -> Item: ...
