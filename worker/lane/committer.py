"""Commit finished turns in groups: what ends while one commit is under way goes out together with the next."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

from worker.lane.items import Commit
from worker.lane.outage import Outage
from worker.store.claims import NoLease
from worker.store.commits import CommitStatus, FencedAnswer
from worker.store.shard import ShardStore

#: called on the event loop when the outcome of some commits is known
OnCommitted = Callable[[Sequence[Commit], FencedAnswer], None]

MAX_TURNS = 128
MAX_BYTES = 4 << 20


class Committer:
    """One commit call under way at most; no timer, so grouping adds no latency."""

    def __init__(self, store: ShardStore, outage: Outage, on_answer: OnCommitted) -> None:
        """Commit through `store`; `on_answer` gets every answer."""
        self._store = store
        self._outage = outage
        self._on_answer = on_answer
        self._waiting: list[Commit] = []
        self._wake = asyncio.Event()
        self._op_number = 0

    def submit(self, commit: Commit) -> None:
        """Queue the end of a request; those of one session are committed in the order in which they are submitted."""
        if not self._waiting:
            self._wake.set()
        self._waiting.append(commit)

    async def run(self) -> None:
        """Commit for ever; an outage of Redis is waited out with the same call."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._commit(self._next_group())

    def _next_group(self) -> list[Commit]:
        count = fitting([commit.item for commit in self._waiting[:MAX_TURNS]])
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _commit(self, group: list[Commit]) -> None:
        self._op_number += 1
        items = [commit.item for commit in group]
        try:
            answer = await self._outage.until_answered("commit", lambda: self._store.commit(self._op_number, items))
        except NoLease:
            answer = FencedAnswer([CommitStatus.FENCED] * len(group), [])
        self._on_answer(group, answer)


def fitting(items: Sequence[Sequence[str]]) -> int:
    """Return how many of these items go into one call: all up to the one that makes it large enough."""
    sizes = accumulate([sum(map(len, item)) for item in items])
    return min(1 + bisect_left(list(sizes), MAX_BYTES), len(items))
