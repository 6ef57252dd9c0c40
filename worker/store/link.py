"""One dedicated connection to Redis: every call has a deadline, every failure is `QueueUnavailable`.

Scripts are called over connections of their own, one per purpose, because a lease or a commit must never queue behind
a blocking read or behind other callers of a pool. Nothing is retried here: only callers know what may be repeated.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, RedisError, ResponseError

from worker.errors import QueueUnavailable
from worker.store.node import connection_to, is_elsewhere
from worker.store.script import Script

Argument: TypeAlias = str | bytes | int
#: an answer of Redis: None, int, bytes or a list of these; checked by whoever knows its shape
Answer: TypeAlias = Any

#: hiredis types this as a tuple of exactly one part
_pack = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)  # pyright: ignore[reportUnknownMemberType]


def by_name(flat: Iterable[Answer]) -> dict[bytes, Answer]:
    """Return what Redis answers as a flat list of names and values."""
    values = iter(flat)
    return dict(zip(values, values, strict=True))


class QueueFull(QueueUnavailable):
    """Redis has reached its maxmemory and refuses to grow; what drains it is still allowed."""


class CommandRefused(QueueUnavailable):
    """Redis answered with an error; `code` is its first word."""

    def __init__(self, command: Argument, error: ResponseError) -> None:
        """Say which command was refused."""
        self.code = str(error).partition(" ")[0]
        super().__init__(f"{command}: {error}")


class Wait(NamedTuple):
    """A blocking command that comes before a script call on the same connection; it may take `seconds`."""

    command: tuple[Argument, ...]
    seconds: float


class Link:
    """A connection that connects by itself on the next call after it was lost; calls wait for each other.

    On a Redis Cluster it speaks to the node that serves `slot`, and looks for it anew whenever it connects.
    """

    def __init__(self, url: str, slot: int | None = None, *, timeout_s: float = 5.0) -> None:
        """Prepare a connection to `url`; nothing is opened before the first call.

        Without a slot it is for what any node of a cluster can answer.
        """
        self._connection = connection_to(url, slot, timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()

    async def command(self, *arguments: Argument, wait_s: float = 0.0) -> Answer:
        """Call one command; a blocking one may take `wait_s` longer.

        Raises `QueueUnavailable`, `QueueFull`, `CommandRefused`.
        """
        try:
            return await self._exchange(arguments, self._timeout_s + wait_s)
        except OutOfMemoryError as error:
            raise QueueFull(str(error)) from error
        except (RedisError, OSError) as error:
            if isinstance(error, ResponseError) and not is_elsewhere(error):
                raise CommandRefused(arguments[0], error) from error
            raise QueueUnavailable(f"Redis command {arguments[0]}: {_why(error)}") from error

    async def now_ms(self) -> int:
        """Return the time by Redis' clock, Unix ms; raises like `command`."""
        seconds, micros = await self.command("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def batch(self, commands: Sequence[Sequence[Argument]]) -> list[Answer]:
        """Call several commands in one round trip; one that meets a wrong type has its ResponseError as its answer.

        Raises `QueueUnavailable`, and `CommandRefused` where the user may not call one of them.
        """
        try:
            async with self._lock:
                answers = await self._exchange_all([tuple(command) for command in commands], self._timeout_s)
        except (RedisError, OSError) as error:
            raise QueueUnavailable(_why(error)) from error
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, NoPermissionError):
                raise CommandRefused(command[0], answer)
        return answers

    async def call(self, script: Script, *arguments: Argument, behind: Wait | None = None) -> Answer:
        """Call a script; keys come first in `arguments`. Raises like `command`.

        With `behind` the call stands right behind a blocking command, so that Redis runs it by itself once the wait is
        over: one way to the server and back less. `CommandRefused` tells of the wait; the script ran all the same.
        """
        try:
            try:
                call = ("EVALSHA", script.sha, script.keys, *arguments)
                return await (self._exchange_behind(behind, call) if behind else self._exchange(call, self._timeout_s))
            except NoScriptError:
                return await self._exchange(("EVAL", script.source, script.keys, *arguments), self._timeout_s)
        except OutOfMemoryError as error:
            raise QueueFull(str(error)) from error
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"{script.name}: {_why(error)}") from error

    async def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """Yield what is published on a channel from now on; raises `QueueUnavailable` when the connection is lost."""
        connection = self._connection
        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.send_packed_command(_pack(("SUBSCRIBE", channel)), check_health=False)
            while True:
                kind, _, data = cast("list[Answer]", await connection.read_response(disable_decoding=True))
                if kind == b"message":
                    yield data
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis command SUBSCRIBE: {_why(error)}") from error
        finally:
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        await self._connection.disconnect(nowait=True)

    async def _exchange(self, arguments: tuple[Argument, ...], timeout_s: float) -> Answer:
        connection = self._connection
        async with self._lock:
            return await self._exchange_alone(connection, arguments, timeout_s)

    async def _exchange_behind(self, wait: Wait, call: tuple[Argument, ...]) -> Answer:
        async with self._lock:
            waited, answer = await self._exchange_all([wait.command, call], self._timeout_s + wait.seconds)
        if isinstance(answer, ResponseError):
            raise answer
        if isinstance(waited, ResponseError):
            raise CommandRefused(wait.command[0], waited)
        return answer

    async def _exchange_all(self, commands: Sequence[tuple[Argument, ...]], timeout_s: float) -> list[Answer]:
        connection, answers = self._connection, list[Answer]()
        try:
            async with asyncio.timeout(timeout_s):
                await connection.send_packed_command(b"".join(map(_pack, commands)), check_health=False)
                while len(answers) < len(commands):
                    try:
                        answers.append(cast("Answer", await connection.read_response(disable_decoding=True)))
                    except ResponseError as error:
                        if is_elsewhere(error):
                            raise
                        answers.append(error)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return answers

    async def _exchange_alone(
        self, connection: AbstractConnection, arguments: tuple[Argument, ...], timeout_s: float
    ) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                await connection.send_packed_command(_pack(arguments), check_health=False)
                return cast("Answer", await connection.read_response(disable_decoding=True))
        except BaseException as error:
            # Whatever broke the exchange, an answer may still be under way on this connection: never read it later
            # as the answer of another call. An error answer of Redis ends the exchange cleanly, unless it says that
            # another node is to be asked: the next call looks for that one.
            if not isinstance(error, RedisError) or not connection.is_connected or is_elsewhere(error):
                await connection.disconnect(nowait=True)
            raise


def _why(error: Exception) -> str:
    """Return what went wrong; a time-out, such as of TLS with a server that speaks none, has no text of its own."""
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
