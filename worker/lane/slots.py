"""How many sessions the worker may hold at once, over all its shards."""

import asyncio


class Slots:
    """A count of free places; a worker that drains has none."""

    def __init__(self, total: int, *, shards: int = 1) -> None:
        """Start with `total` free slots."""
        self.total = total
        self.used = 0
        #: what one of the shards may ask for long before it gets it, while the others take slots too
        self.share = -(-total // shards)
        self._waiters: set[asyncio.Event] = set()
        self.closed = False

    @property
    def free(self) -> int:
        """Return how many more sessions the worker takes."""
        return 0 if self.closed else max(0, self.total - self.used)

    def take(self, count: int) -> None:
        """Take some; a repeated claim may take more than there are."""
        self.used += count

    def give(self, count: int) -> None:
        """Give some back."""
        self.used -= count
        if count and not self.closed:
            for event in self._waiters:
                event.set()

    async def freed_or(self, event: asyncio.Event) -> None:
        """Wait until `event` is set; a slot that becomes free sets it too."""
        self._waiters.add(event)
        try:
            if not self.free:
                await event.wait()
        finally:
            self._waiters.discard(event)
