"""One connection for everything that is published to us: reply channels, client channels, bus channels."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol, cast

from redis.exceptions import ResponseError

from producers.answers import Deliver
from producers.clock import sleep
from producers.line import Address, Line, LineLost, end, keep_open, pack

_PING: Final = pack(("PING",))
_CONFIRMATIONS: Final = (b"subscribe", b"psubscribe")

#: a list whose first item says what it is, the answer to a PING before there is a channel, or a refusal
Pushed = list[bytes] | bytes | ResponseError


class Listener(Protocol):
    """Who gets what a channel carries."""

    def heard(self, channel: bytes, data: bytes) -> None:
        """Take one published item."""
        ...

    def opened(self, channel: bytes) -> None:
        """Take the news that from here on nothing is missed; what was published before this may be lost."""
        ...

    def refused(self, reason: str) -> None:
        """Take the news that Redis does not let us listen."""
        ...


class Subscription:
    """Keeps every listener subscribed, over reconnects too."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._listeners: dict[bytes, list[Listener]] = {}
        self._to_send: list[bytes] = []
        self._unconfirmed: deque[bytes] = deque()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._worked = False
        #: how the connection is, for messages to callers
        self.state = "not connected yet"

    def open(self) -> None:
        """Start to connect; listeners may be added at once."""
        self._task = asyncio.create_task(keep_open(self._address, self._serve, self._lost), name="producer channels")

    async def close(self) -> None:
        """Close the connection and tell all listeners."""
        if self._task is not None:
            await end(self._task)
        self._refuse(list(self._listeners), "the producer was closed")

    def add(self, channel: str, listener: Listener) -> None:
        """Subscribe `listener` to a channel, or to a pattern: a name with `*`, which no channel of ours has."""
        name = channel.encode()
        self._listeners.setdefault(name, []).append(listener)
        # Also when somebody listens there already: the confirmation opens the new listener
        self._subscribe(name)

    def remove(self, channel: str, listener: Listener) -> None:
        """Unsubscribe `listener`; harmless when it is gone already."""
        name = channel.encode()
        listeners = self._listeners.get(name, [])
        if listener in listeners:
            listeners.remove(listener)
        if name in self._listeners and not listeners:
            del self._listeners[name]
            self._send(b"PUNSUBSCRIBE" if _is_pattern(name) else b"UNSUBSCRIBE", name)

    def remove_soon(self, channel: str, listener: Listener) -> None:
        """Unsubscribe `listener`, from whichever thread it was dropped in."""
        if self._task is not None and not self._task.done():
            self._task.get_loop().call_soon_threadsafe(self.remove, channel, listener)

    def _send(self, verb: bytes, name: bytes) -> None:
        self._to_send.append(pack((verb, name)))
        self._work.set()

    def _subscribe(self, name: bytes) -> None:
        self._unconfirmed.append(name)
        self._send(b"PSUBSCRIBE" if _is_pattern(name) else b"SUBSCRIBE", name)

    async def _serve(self, line: Line) -> None:
        self.state = "connected"
        self._to_send.clear()
        self._unconfirmed.clear()
        for name in self._listeners:
            self._subscribe(name)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.deliver_answers(cast("Deliver", self._take)))
            tasks.create_task(self._write(line))
            tasks.create_task(self._watch())

    async def _write(self, line: Line) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            to_send, self._to_send = self._to_send, []
            if to_send:
                await line.write(b"".join(to_send))

    async def _watch(self) -> None:
        # Silence may mean that nobody says anything, or that the network is cut: a PING tells
        while True:
            self._worked = False
            self._to_send.append(_PING)
            self._work.set()
            await sleep(self._address.answer_timeout_s)
            if not self._worked:
                raise LineLost(f"the subscription was silent for {self._address.answer_timeout_s:g} s")

    def _take(self, pushed: Pushed) -> None:
        self._worked = True
        if isinstance(pushed, list):
            if pushed[0] == b"message":
                _, channel, data = pushed
                for listener in self._listeners.get(channel, ()):
                    listener.heard(channel, data)
            else:
                self._take_other(pushed)
        elif isinstance(pushed, ResponseError):
            # commands are answered in order, so the refused one is the oldest without an answer
            self._refuse([self._unconfirmed.popleft()], f"Redis refused the subscription: {pushed}")

    def _take_other(self, push: list[bytes]) -> None:
        if push[0] == b"pmessage":
            _, pattern, channel, data = push
            for listener in self._listeners.get(pattern, ()):
                listener.heard(channel, data)
        elif push[0] in _CONFIRMATIONS:
            self._unconfirmed.popleft()
            for listener in tuple(self._listeners.get(push[1], ())):
                listener.opened(push[1])

    def _lost(self, lost: LineLost) -> bool:
        self.state = str(lost)
        if lost.hopeless:
            self._refuse(list(self._listeners), self.state)
        worked, self._worked = self._worked, False
        return worked

    def _refuse(self, names: Iterable[bytes], reason: str) -> None:
        for name in names:
            for listener in tuple(self._listeners.get(name, ())):
                listener.refused(reason)


def _is_pattern(name: bytes) -> bool:
    return b"*" in name
