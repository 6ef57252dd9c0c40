"""What wakes a worker: entries of the requests stream, and the bell for work that came without one."""

from schemas.keyspace import CONSUMER, DOORBELL_GROUP, ShardKeys
from worker.store.link import Argument, CommandRefused, Link, Wait


class Bell:
    """Blocking reads of one shard; what they read is not the work, only a sign of it, so a cut read loses nothing."""

    def __init__(self, url: str, keys: ShardKeys) -> None:
        """Prepare the connections; a blocking read needs one of its own."""
        self._keys = keys
        self._entry_link, self._aside = Link(url, keys.slot), Link(url, keys.slot)

    async def close(self) -> None:
        """Close the connections."""
        for link in (self._entry_link, self._aside):
            await link.close()

    async def ensure_groups(self) -> None:
        """Create the doorbell groups that are missing; the group of admission is made by the script that reads it."""
        for stream, start in ((self._keys.requests, "0"), (self._keys.bell, "$")):
            try:
                await self._aside.command("XGROUP", "CREATE", stream, DOORBELL_GROUP, start, "MKSTREAM")
            except CommandRefused as refusal:
                if refusal.code != "BUSYGROUP":  # it is there
                    raise

    async def wait_for_entry(self, wait_s: float) -> None:
        """Wait until somebody sends a request, `wait_s` at most; raises `QueueUnavailable`."""
        await self._entry_link.command(*_read(wait_s, self._keys.requests), wait_s=wait_s)

    def wait_for_work(self, wait_s: float) -> Wait:
        """Return what waits for a request or a ring, `wait_s` at most, in front of a claim; one worker hears each."""
        return Wait(_read(wait_s, self._keys.requests, self._keys.bell), wait_s)


def _read(wait_s: float, *streams: str) -> tuple[Argument, ...]:
    read = ("XREADGROUP", "GROUP", DOORBELL_GROUP, CONSUMER, "COUNT", 1, "BLOCK", int(wait_s * 1000), "NOACK")
    return (*read, "STREAMS", *streams, *(">" for _ in streams))
