"""Commit finished turns in groups: what ends while one commit is under way goes out together with the next."""

import asyncio
from collections import deque
from collections.abc import Callable

from worker.lane.outage import Outage
from worker.store.claims import NoLease
from worker.store.commits import CommitStatus, FencedAnswer, FinishedTurn
from worker.store.shard import ShardStore

#: called on the event loop when the outcome of one item is known
Confirm = Callable[[CommitStatus], None]

MAX_TURNS = 128
MAX_BYTES = 4 << 20


class Committer:
    """One commit call under way at most; no timer, so grouping adds no latency."""

    def __init__(self, store: ShardStore, outage: Outage, on_answer: Callable[[FencedAnswer], None]) -> None:
        """Commit through `store`; `on_answer` gets every answer."""
        self._store = store
        self._outage = outage
        self._on_answer = on_answer
        self._waiting: deque[tuple[FinishedTurn, Confirm]] = deque()
        self._wake = asyncio.Event()
        self._op_number = 0

    def submit(self, turn: FinishedTurn, confirm: Confirm) -> None:
        """Queue a finished turn; turns of one session are committed in the order in which they are submitted."""
        self._waiting.append((turn, confirm))
        self._wake.set()

    async def run(self) -> None:
        """Commit for ever; an outage of Redis is waited out with the same call."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._commit(self._next_group())

    def _next_group(self) -> list[tuple[FinishedTurn, Confirm]]:
        group: list[tuple[FinishedTurn, Confirm]] = []
        size = 0
        while self._waiting and len(group) < MAX_TURNS and size < MAX_BYTES:
            turn, confirm = self._waiting.popleft()
            size += turn.size()
            group.append((turn, confirm))
        return group

    async def _commit(self, group: list[tuple[FinishedTurn, Confirm]]) -> None:
        self._op_number += 1
        turns = [turn for turn, _ in group]
        try:
            answer = await self._outage.until_answered("commit", lambda: self._store.commit(self._op_number, turns))
        except NoLease:
            answer = FencedAnswer([CommitStatus.FENCED] * len(group), [])
        for (_, confirm), status in zip(group, answer.statuses, strict=True):
            confirm(status)
        self._on_answer(answer)
