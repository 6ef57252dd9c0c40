"""Shared states in Redis: each lives in the shard of its name, whichever sessions use it."""

from collections.abc import Sequence

from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from worker.core.shared import SharedChange, SharedValue
from worker.definitions.errors import SharedStateError
from worker.store.claims import checked_verdict
from worker.store.link import Link
from worker.store.script import load

#: how long it is remembered that a change was made, while its turn may still have to be run again
KEEP_MS = 24 * 3600 * 1000
#: and how long once the turn is committed: for a worker that was frozen in the middle of it
KEEP_COMMITTED_MS = 60 * 1000


class SharedStore:
    """The shared states of all shards; one connection per shard, opened when it is first used."""

    def __init__(self, url: str, shards: Sequence[ShardKeys], worker_id: str) -> None:
        """Prepare the connections; nothing is opened yet."""
        self._shards = shards
        self._worker_id = worker_id
        self._links = [Link(url, keys.slot) for keys in shards]

    async def close(self) -> None:
        """Close all connections."""
        for link in self._links:
            await link.close()

    def home(self, name: str) -> int:
        """Return the number of the shard in which a shared state lives."""
        return shard_of(name, len(self._shards))

    async def call(self, name: str, request_id: str, number: int, change: SharedChange | None) -> SharedValue:
        """Read a shared state, or change it; the same `number` of the same request again changes nothing.

        `number` 0 only reads. Raises `QueueUnavailable`, `NoLease` and `SharedStateError`.
        """
        home = self.home(name)
        keys = self._shards[home]
        answer = await self._links[home].call(
            load("update_shared"),
            keys.workers,
            keys.shared(name),
            keys.applied(request_id),
            self._worker_id,
            f"{number}/{name}" if number else "",
            "" if change is None else change.version,
            "" if change is None else change.text,
            KEEP_MS,
        )
        verdict = checked_verdict(answer)
        if verdict == "wrong_type":
            raise SharedStateError(f"a key of the shared state {name!r} holds something else: delete it")
        return SharedValue(int(answer[1]), answer[2].decode(), verdict == "applied")

    async def forget(self, home: int, request_id: str) -> None:
        """Let what a request has changed in a shard be forgotten soon; raises `QueueUnavailable`."""
        key = self._shards[home].applied(request_id)
        await self._links[home].command("PEXPIRE", key, KEEP_COMMITTED_MS)
