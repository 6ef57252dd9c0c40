"""What wakes a worker: entries of the requests stream, and the bell for work that came without one."""

from schemas.keyspace import CONSUMER, DOORBELL_GROUP, ShardKeys
from worker.store.link import Answer, CommandRefused, Link


class Bell:
    """Blocking reads of one shard; what they read is not the work, only a sign of it, so a cut read loses nothing."""

    def __init__(self, url: str, keys: ShardKeys) -> None:
        """Prepare the connections; a blocking read needs one of its own."""
        self._keys = keys
        self._entry_link, self._bell_link, self._aside = Link(url), Link(url), Link(url)

    async def close(self) -> None:
        """Close the connections."""
        for link in (self._entry_link, self._bell_link, self._aside):
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
        await _read(self._entry_link, self._keys.requests, wait_s)

    async def wait_for_ring(self, wait_s: float) -> bool:
        """Wait for work that came without a request, `wait_s` at most; tell whether it did. One worker hears a ring."""
        return await _read(self._bell_link, self._keys.bell, wait_s) is not None

    async def ring(self) -> None:
        """Wake one idle worker; raises `QueueUnavailable`."""
        await self._aside.command("XADD", self._keys.bell, "MAXLEN", 1, "*", "b", 1)


async def _read(link: Link, stream: str, wait_s: float) -> Answer:
    read = ("XREADGROUP", "GROUP", DOORBELL_GROUP, CONSUMER, "COUNT", 1, "BLOCK", int(wait_s * 1000), "NOACK")
    return await link.command(*read, "STREAMS", stream, ">", wait_s=wait_s)
