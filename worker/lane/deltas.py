"""Streamed text on its way to the client channel: best effort, in order, next to nothing in the way of a turn."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from schemas.keyspace import ShardKeys
from worker.core.json_text import dumps
from worker.errors import QueueUnavailable
from worker.store.shard import ShardStore
from worker.turn.port import OpenTurn

#: pieces that wait at most; a client that must not miss text reads the reply
MAX_WAITING = 10_000
#: how long the end of a turn waits for its last pieces at most
PATIENCE_S = 0.5


@dataclass(slots=True)
class _Batch:
    """Pieces that go out in one round trip: (channel, JSON) each; `out` when Redis has them or never will."""

    pieces: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    out: asyncio.Event = field(default_factory=asyncio.Event)


class Deltas:
    """Publish pieces of text, those that come during one call with the next; what Redis does not take is dropped."""

    def __init__(self, store: ShardStore, keys: ShardKeys) -> None:
        """Publish through `store`."""
        self._store = store
        self._keys = keys
        self._waiting = _Batch()
        self._under_way: _Batch | None = None
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
        if len(self._waiting.pieces) < MAX_WAITING:
            self._waiting.pieces.append((self._keys.client_channel(sid), dumps(delta)))
            self._wake.set()

    async def out(self) -> None:
        """Wait until what was queued so far is out: a piece must not come behind the reply that has the whole text."""
        batch = self._waiting if self._waiting.pieces else self._under_way
        if batch is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await batch.out.wait()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, _Batch()
            self._under_way = batch
            with contextlib.suppress(QueueUnavailable):
                await self._store.publish(batch.pieces)
            self._under_way = None
            batch.out.set()
