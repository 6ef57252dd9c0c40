"""Streamed text on its way to the client channel: best effort, in order, never in the way of a turn."""

import asyncio
from collections import deque

from schemas.keyspace import ShardKeys
from worker.core.json_text import dumps
from worker.errors import QueueUnavailable
from worker.store.shard import ShardStore
from worker.turn.port import OpenTurn

#: pieces that wait at most; a client that must not miss text reads the reply
MAX_WAITING = 10_000


class Deltas:
    """Publish pieces of text one after the other; what Redis does not take is dropped."""

    def __init__(self, store: ShardStore, keys: ShardKeys) -> None:
        """Publish through `store`."""
        self._store = store
        self._keys = keys
        self._waiting: deque[tuple[str, str]] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()

    def publish(self, sid: str, turn: OpenTurn, index: int, text: str) -> None:
        """Queue one piece; `index` counts the pieces of one attempt from 0."""
        delta = {
            "v": 1,
            "type": "delta",
            "data": text,
            "agentName": turn.session.active_agent,
            "clientId": turn.session.client_id,
            "swarmName": turn.session.swarm_name,
            "requestId": turn.request.request_id,
            "attempt": turn.attempt,
            "index": index,
        }
        self._waiting.append((self._keys.client_channel(sid), dumps(delta)))
        self._wake.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                channel, data = self._waiting.popleft()
                try:
                    await self._store.publish(channel, data)
                except QueueUnavailable:
                    self._waiting.clear()
