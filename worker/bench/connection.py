"""What the bench needs of redis-py, with types: its own stubs leave half of each answer unknown."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol, Self, cast

from redis.asyncio import Redis

Entry = tuple[bytes, dict[bytes, bytes]]
#: streams of one XREADGROUP, each with its entries
Batch = list[tuple[bytes, list[Entry]]]


class Pipeline(Protocol):
    """A pipeline outside a transaction; each call is queued until `execute`."""

    def xadd(self, name: str, fields: Mapping[str, str]) -> Self:
        """Queue XADD."""
        ...

    def set(self, name: bytes, value: bytes, *, ex: int) -> Self:
        """Queue SET EX."""
        ...

    def publish(self, channel: bytes, message: bytes) -> Self:
        """Queue PUBLISH."""
        ...

    def xack(self, name: str, group: str, *ids: bytes) -> Self:
        """Queue XACK."""
        ...

    def xdel(self, name: str, *ids: bytes) -> Self:
        """Queue XDEL."""
        ...

    async def execute(self) -> list[object]:
        """Send what is queued and return all answers."""
        ...


class Listener(Protocol):
    """A subscribed connection."""

    async def subscribe(self, *channels: str) -> None:
        """Subscribe."""
        ...

    def listen(self) -> AsyncIterator[Mapping[str, object]]:
        """Yield what arrives, for ever."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class Connection(Protocol):
    """The commands that the bench uses."""

    def pipeline(self, *, transaction: bool) -> Pipeline:
        """Open a pipeline."""
        ...

    def pubsub(self, *, ignore_subscribe_messages: bool) -> Listener:
        """Open a listener."""
        ...

    async def xreadgroup(
        self, groupname: str, consumername: str, streams: Mapping[str, str], *, count: int, block: int
    ) -> Batch:
        """Call XREADGROUP."""
        ...

    async def execute_command(self, *arguments: str | int) -> object:
        """Call any command."""
        ...

    async def info(self, section: str) -> dict[str, int | str]:
        """Call INFO."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def connect(url: str) -> Connection:
    """Return a client that answers in bytes."""
    return cast("Connection", Redis.from_url(url))  # pyright: ignore[reportUnknownMemberType]
