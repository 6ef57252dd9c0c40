"""What Redis says on one connection: all that a read of the socket brought is handed out at once."""

from collections.abc import Callable
from typing import Protocol, Self, cast

from redis._parsers import hiredis as parsers
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from schemas.cluster import ELSEWHERE

Answer = object
Deliver = Callable[[Answer], None]


class _Reader(Protocol):
    """The part of hiredis' reader that is used, with the types that it lacks."""

    def gets(self) -> Answer: ...


class Answers(parsers._AsyncHiredisParser):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - redis-py names no other
    """The parser that redis-py uses for logging in, and `deliver` for all that follows.

    redis-py awaits two coroutines for each answer, also for the hundredth that one read of the socket has brought.
    """

    def __init__(self) -> None:
        super().__init__(socket_read_size=0)

    def serve(self, socket_read_size: int) -> Self:
        """Be the parser that a connection asks for."""
        self._read_size = socket_read_size
        return self

    async def deliver(self, deliver: Deliver) -> None:
        """Hand each answer to `deliver`, errors of commands as ResponseError objects, for as long as it lasts.

        Raise RedisError or OSError when the connection is gone, or of no use any more.
        """
        take, not_yet = cast("_Reader", self._reader).gets, parsers.NOT_ENOUGH_DATA
        while self._connected:
            while (answer := take()) is not not_yet:
                if isinstance(answer, RedisError):
                    _check(answer)
                deliver(answer)
            await self.read_from_socket()
        raise Disconnected("connection closed")


def _check(error: RedisError) -> None:
    """Raise an error that is about the connection and not about one command."""
    is_elsewhere = isinstance(error, ReadOnlyError) or str(error).partition(" ")[0] in ELSEWHERE
    if is_elsewhere or not isinstance(error, ResponseError):
        raise error
