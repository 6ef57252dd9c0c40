"""A small TCP proxy before a server, to lose a reply, delay, swallow or cut what passes."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from worker.clock import sleep

CHUNK_BYTES = 65536


@dataclass(eq=False)
class Link:
    """One client connection and its counterpart to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    losing_reply: bool = False
    pumps: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"])

    def cut(self) -> None:
        """Abort both ends, as a dead network or a killed peer does."""
        self.client.transport.abort()
        self.server.transport.abort()


class Proxy:
    """Listens on a random port and forwards to `target`, a loopback port or the path of a unix socket."""

    def __init__(self, target: int | str, host: str = "127.0.0.1") -> None:
        """Prepare a proxy that listens at `host`; `async with` starts and stops it."""
        self._target = target
        self._host = host
        self._links: set[Link] = set()
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self._delay_s = 0.0
        self._lose_after: bytes | None = None
        self.lost_replies = 0

    async def __aenter__(self) -> Self:
        """Start to listen."""
        self._listener = await asyncio.start_server(self._serve, self._host, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything and stop listening."""
        self._listener.close()
        pumps = [pump for link in self._links for pump in link.pumps]
        self.cut()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await self._listener.wait_closed()

    @property
    def port(self) -> int:
        """Return the port that the proxy listens on."""
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Return the address for redis-py."""
        return f"redis://{self._host}:{self.port}"

    def drop_next_reply(self, *, to: bytes = b"") -> None:
        """Let the next request that contains `to` pass, then swallow the server's answer and cut that connection."""
        self._lose_after = to

    def delay(self, seconds: float) -> None:
        """Hold back each chunk, both ways, by `seconds`; 0 ends it."""
        self._delay_s = seconds

    def black_hole(self) -> None:
        """Forward nothing, but keep connections open and accept new ones, until `heal`."""
        self._open_gate.clear()

    def heal(self) -> None:
        """End delay and black hole; what was swallowed by the black hole is delivered now."""
        self._delay_s = 0.0
        self._open_gate.set()

    def cut(self) -> None:
        """Abort every connection; new ones are accepted."""
        for link in list(self._links):
            link.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, server_writer)
        self._links.add(link)
        link.pumps = [
            asyncio.create_task(self._pump_requests(link, reader)),
            asyncio.create_task(self._pump_replies(link, server_reader)),
        ]
        await asyncio.wait(link.pumps, return_when=asyncio.FIRST_COMPLETED)
        link.cut()
        await asyncio.gather(*link.pumps, return_exceptions=True)
        self._links.discard(link)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, int):
            return await asyncio.open_connection("127.0.0.1", self._target)
        return await asyncio.open_unix_connection(self._target)

    async def _pump_requests(self, link: Link, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._hold()
            if self._lose_after is not None and self._lose_after in chunk:
                self._lose_after, link.losing_reply = None, True
            link.server.write(chunk)
            await link.server.drain()

    async def _pump_replies(self, link: Link, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._hold()
            if link.losing_reply:
                self.lost_replies += 1
                return
            link.client.write(chunk)
            await link.client.drain()

    async def _hold(self) -> None:
        if self._delay_s:
            await sleep(self._delay_s)
        await self._open_gate.wait()
