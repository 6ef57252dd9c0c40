"""Our client as anyone would use it: one Producer, thousands of calls in flight."""

import asyncio

from producers import Producer


class OurClient:
    """A Producer behind the two calls that are measured."""

    def __init__(self, url: str) -> None:
        """Prepare a client; `open` connects."""
        self._producer = Producer(url)

    async def open(self) -> None:
        """Connect."""
        await self._producer.__aenter__()

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.__aexit__(None, None, None)

    async def call(self, client_id: str, swarm_name: str, message: str) -> str:
        """Send one request and return its answer."""
        reply = await self._producer.execute(client_id, swarm_name, message, timeout_s=60)
        return reply.output

    async def enqueue(self, requests: list[tuple[str, str, str]]) -> None:
        """Send requests at once and wait for no answer."""
        sends = [self._producer.send(client, swarm, "execute", message=text) for client, swarm, text in requests]
        await asyncio.gather(*sends)
