"""A producer process: open-loop load over many sessions, everything that it hears, and a few sessions it follows.

It obeys two words on standard input: `stop` ends the load when all is taken, `end` ends the process when the followed
sessions were read to their end. Each is answered by one line.
"""

import asyncio
import json
import sys
from pathlib import Path

from redis.exceptions import RedisError

from worker.clock import Backoff, sleep
from worker.simulate.app import CHAIN
from worker.simulate.connection import Connection, connect
from worker.simulate.follower import follow
from worker.simulate.history import History
from worker.simulate.sender import Sender
from worker.simulate.traffic import Orders, Traffic

FOLLOWED = 5


class Load:
    """One producer process."""

    def __init__(self, orders: Orders, url: str, directory: Path) -> None:
        """Prepare to carry out the orders on the server at `url`."""
        self._traffic = Traffic(orders)
        self._history = History(directory, orders.name)
        self._connection = connect(url, connections=32)
        self._sender = Sender(self._connection, self._history, orders.name)
        self._bursts: set[asyncio.Task[None]] = set()
        self._followed = [f"c{(orders.seed * 31 + number) % orders.sessions}" for number in range(FOLLOWED)]
        self._url = url

    async def run(self) -> None:
        """Send, listen and follow until told to end."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        listening = asyncio.create_task(listen(self._connection, self._sender.reply_to, self._history))
        following = [asyncio.create_task(follow(self._url, CHAIN, one, self._history)) for one in self._followed]
        sending = asyncio.create_task(self._send())
        say("READY")
        await reader.readline()
        sending.cancel()
        await asyncio.gather(*self._bursts)
        say("stopped")
        await reader.readline()
        for task in (listening, *following):
            task.cancel()
        await asyncio.wait([listening, *following])
        say("ended")

    async def _send(self) -> None:
        while True:
            await sleep(self._traffic.pause_s())
            task = asyncio.create_task(self._send_burst())
            self._bursts.add(task)
            task.add_done_callback(self._bursts.discard)

    async def _send_burst(self) -> None:
        for request in self._traffic.burst():
            await self._sender.send(request)


async def listen(connection: Connection, channel: str, history: History) -> None:
    """Note every reply that comes by a reply channel, for ever; what is missed while connecting is missed."""
    backoff = Backoff()
    while True:
        listener = connection.pubsub()
        try:
            await listener.subscribe(channel)
            while True:
                message = await listener.get_message(ignore_subscribe_messages=True, timeout=1.0)
                backoff.reset()
                if message is not None:
                    history.note("ok", "reply", reply=json.loads(message["data"]))
        except (RedisError, OSError):
            await backoff.pause()
        finally:
            await listener.aclose()


def say(line: str) -> None:
    """Print one line for the parent process."""
    print(line, flush=True)  # noqa: T201 - the parent reads it
