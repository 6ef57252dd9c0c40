"""The yardstick: a stream in, a key and a channel out, with redis-py alone; no session, order, retry or fence.

It does as little as a request and a reply can take, so a ratio to it says what the guarantees cost.
"""

import asyncio
import itertools
import json
import os
from contextlib import suppress

import uvloop
from redis.exceptions import ResponseError

from worker.bench.app import PREFIX
from worker.bench.connection import Connection, connect

STREAM = "bare:requests"
GROUP = "bare"
BATCH = 100
REPLY_WITHIN_S = 60.0


async def ensure_group(connection: Connection) -> None:
    """Create stream and group; harmless when they exist."""
    with suppress(ResponseError):
        await connection.execute_command("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")


class BareClient:
    """The sending side: XADDs of all concurrent callers in pipelines of 100, replies by one subscription."""

    def __init__(self, url: str) -> None:
        """Prepare a client; `open` connects."""
        self._connection = connect(url)
        self._listener = self._connection.pubsub(ignore_subscribe_messages=True)
        self._channel = f"bare:replies:{os.getpid()}"
        self._numbers = itertools.count(1)
        self._waiting: dict[bytes, asyncio.Future[str]] = {}
        self._unsent: list[dict[str, str]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and subscribe."""
        await ensure_group(self._connection)
        await self._listener.subscribe(self._channel)
        self._receiving = asyncio.create_task(self._receive())

    async def close(self) -> None:
        """Disconnect."""
        self._receiving.cancel()
        await self._listener.aclose()
        await self._connection.aclose()

    async def call(self, client_id: str, swarm_name: str, message: str) -> str:
        """Send one request and return its answer."""
        fields = self._fields(client_id, swarm_name, message)
        reply = asyncio.get_running_loop().create_future()
        self._waiting[fields["i"].encode()] = reply
        self._unsent.append(fields)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        return await asyncio.wait_for(reply, REPLY_WITHIN_S)

    async def enqueue(self, requests: list[tuple[str, str, str]]) -> None:
        """Send requests in one pipeline and wait for no answer."""
        pipeline = self._connection.pipeline(transaction=False)
        for request in requests:
            pipeline.xadd(STREAM, self._fields(*request))
        await pipeline.execute()

    def _fields(self, client_id: str, swarm_name: str, message: str) -> dict[str, str]:
        body = json.dumps({"client_id": client_id, "swarm": swarm_name, "message": message})
        return {"i": str(next(self._numbers)), "c": self._channel, "d": body}

    async def _flush(self) -> None:
        while self._unsent:
            batch, self._unsent = self._unsent[:BATCH], self._unsent[BATCH:]
            pipeline = self._connection.pipeline(transaction=False)
            for fields in batch:
                pipeline.xadd(STREAM, fields)
            await pipeline.execute()
        self._flushing = None

    async def _receive(self) -> None:
        async for item in self._listener.listen():
            data = item["data"]
            if isinstance(data, bytes):
                number, _, answer = data.partition(b"|")
                reply = self._waiting.pop(number, None)
                if reply is not None and not reply.done():
                    reply.set_result(answer.decode())


async def serve(url: str) -> None:
    """Run the receiving side for ever: read up to 100, then one pipeline of four commands for each."""
    connection = connect(url)
    await ensure_group(connection)
    print("READY worker_id=bare", flush=True)  # noqa: T201 - whoever started this process waits for the line
    while True:
        batch = await connection.xreadgroup(GROUP, "w", {STREAM: ">"}, count=BATCH, block=1000)
        if not batch:
            continue
        pipeline = connection.pipeline(transaction=False)
        for entry_id, fields in batch[0][1]:
            request = json.loads(fields[b"d"])
            answer = (PREFIX + request["message"]).encode()
            pipeline.set(b"bare:result:" + fields[b"i"], answer, ex=60)
            pipeline.publish(fields[b"c"], fields[b"i"] + b"|" + answer)
            pipeline.xack(STREAM, GROUP, entry_id)
            pipeline.xdel(STREAM, entry_id)
        await pipeline.execute()


def main(url: str) -> None:
    """Serve until killed."""
    uvloop.run(serve(url))
