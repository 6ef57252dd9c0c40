"""What a simulation needs of redis-py, with types and with time limits on everything."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

TIMEOUT_S = 1.0


class Listener(Protocol):
    """A subscribed connection."""

    async def subscribe(self, *channels: str) -> None:
        """Subscribe."""
        ...

    async def get_message(self, *, ignore_subscribe_messages: bool, timeout: float) -> dict[str, Any] | None:  # noqa: ASYNC109 - as redis-py names it
        """Return the next message, None when none came in time."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class Connection(Protocol):
    """The commands of a simulation; answers are bytes."""

    async def execute_command(self, *arguments: str | bytes | int) -> Any:
        """Call any command."""
        ...

    def pubsub(self) -> Listener:
        """Open a listener."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def connect(url: str, *, timeout_s: float = TIMEOUT_S, connections: int = 8) -> Connection:
    """Return a client that repeats nothing by itself: whoever calls decides what an unknown outcome means."""
    # redis-py 5.3 leaves this classmethod half typed
    from_url = cast("Callable[..., BlockingConnectionPool]", BlockingConnectionPool.from_url)  # pyright: ignore[reportUnknownMemberType]
    pool = from_url(
        url,
        max_connections=connections,
        timeout=None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    return cast("Connection", Redis.from_pool(pool))
