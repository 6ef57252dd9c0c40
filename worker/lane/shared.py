"""Shared states for running turns: calls that outlast an outage of Redis."""

import asyncio
from collections.abc import Iterable
from weakref import WeakValueDictionary

from worker.core.shared import SharedChange, SharedValue
from worker.errors import QueueUnavailable
from worker.lane.outage import Outage
from worker.store.claims import NoLease
from worker.store.shared import SharedStore


class SharedStates:
    """What the turns of one shard do with shared states."""

    def __init__(self, store: SharedStore, outage: Outage) -> None:
        """Read and write through `store`."""
        self._store = store
        self._outage = outage
        self._tasks: set[asyncio.Task[None]] = set()
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def line(self, name: str) -> asyncio.Lock:
        """Return the lock that turns of this worker take who were too slow for others."""
        return self._lines.setdefault(name, asyncio.Lock())

    async def call(self, name: str, request_id: str, number: int, change: SharedChange | None) -> SharedValue | None:
        """Return what `SharedStore.call` does; None when the worker has no lease there now: ask again."""
        try:
            return await self._outage.until_answered(
                "shared", lambda: self._store.call(name, request_id, number, change)
            )
        except NoLease:
            await self._outage.pause("shared")
            return None

    def committed(self, request_id: str, names: Iterable[str]) -> None:
        """Take note that the turn which changed these is committed: nobody has to remember its changes for long."""
        for home in {self._store.home(name) for name in names}:
            task = asyncio.create_task(self._forget(home, request_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forget(self, home: int, request_id: str) -> None:
        try:
            await self._store.forget(home, request_id)
        except QueueUnavailable:
            self._outage.failed("shared")  # it goes by itself, later
