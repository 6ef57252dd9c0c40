"""Hand sessions back whose turn did not end: the worker stops, a write was refused, the head is to be tried again."""

import asyncio
from collections.abc import Callable, Sequence

from worker.lane.outage import Outage
from worker.store.claims import NoLease
from worker.store.commits import FencedAnswer, HandBack
from worker.store.shard import ShardStore


class Releaser:
    """One release call under way at most, each with a number of its own."""

    def __init__(self, store: ShardStore, outage: Outage, on_answer: Callable[[FencedAnswer], None]) -> None:
        """Release through `store`; `on_answer` gets every answer."""
        self._store = store
        self._outage = outage
        self._on_answer = on_answer
        self._one_at_a_time = asyncio.Lock()
        self._op_number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def hand_back(self, items: Sequence[HandBack]) -> None:
        """Hand back, and wait until it is confirmed; a session that others have taken over is theirs."""
        async with self._one_at_a_time:
            self._op_number += 1
            try:
                answer = await self._outage.until_answered(
                    "release", lambda: self._store.release(self._op_number, items)
                )
            except NoLease:
                return  # with the lease went everything that was held under it
        self._on_answer(answer)

    def hand_back_soon(self, item: HandBack) -> None:
        """Hand one session back without waiting for it."""
        task = asyncio.create_task(self.hand_back((item,)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
