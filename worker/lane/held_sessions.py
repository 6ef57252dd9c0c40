"""The sessions that this worker holds in one shard: each takes a slot, from its claim to the end of its last commit."""

import asyncio
import contextlib
from collections.abc import Iterable

from worker.lane.held import HeldSession
from worker.lane.slots import Slots
from worker.lane.suspects import Suspects


class HeldSessions(dict[str, HeldSession]):
    """Held sessions by sid."""

    def __init__(self, slots: Slots) -> None:
        """Hold none yet; the slots are shared by all shards."""
        super().__init__()
        self._slots = slots
        self._emptied = asyncio.Event()
        self._hurries = False
        self.suspects = Suspects()

    def take(self, taken: Iterable[HeldSession]) -> None:
        """Take sessions that were claimed."""
        count = 0
        for held in taken:
            sid = held.claimed.sid
            if sid in self:
                # Let go of, or handed back: the answer that says so comes over another connection, and may be later.
                self.let_go((self[sid],))
            self[sid] = held
            if held.claimed.is_suspect:
                self.suspects.took(held)
            count += 1
        self._slots.take(count)

    def let_go(self, gone: Iterable[HeldSession]) -> None:
        """Hold these no longer; some may be gone already."""
        count = 0
        for held in gone:
            sid = held.claimed.sid
            if self.get(sid) is held:
                del self[sid]
                if held.claimed.is_suspect:
                    self.suspects.clear(held)
                count += 1
        self._slots.give(count)
        if not self:
            self._emptied.set()

    async def emptied(self, within_s: float) -> None:
        """Wait until no session is held, `within_s` at most; `hurry` ends the wait."""
        self._emptied.clear()
        if self and not self._hurries:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), within_s)

    def hurry(self) -> None:
        """Wait for turns no longer, nor begin to."""
        self._hurries = True
        self._emptied.set()
