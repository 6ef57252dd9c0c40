"""The renewal of a worker's lease in one shard, over a connection of its own."""

from typing import NamedTuple

from schemas.keyspace import ShardKeys
from worker.errors import QueueUnavailable
from worker.store.link import Answer, Link
from worker.store.script import load


class Renewal(NamedTuple):
    """The answer to one renewal; `hints` are held sids that have control waiting."""

    registered: bool
    now_ms: int
    reclaimed: int
    hints: list[str]


class RenewalLink:
    """Renews the lease of one worker in one shard; used on one event loop."""

    def __init__(self, url: str, keys: ShardKeys, worker_id: str, lease_s: float) -> None:
        """Prepare the connection; nothing is opened yet."""
        self._link = Link(url, keys.slot, timeout_s=max(0.2, min(5.0, lease_s / 4)))
        self._keys = (keys.workers, keys.ops(worker_id), keys.ready, keys.suspects, keys.bell)
        self._arguments = (keys.base, worker_id, int(lease_s * 1000))
        #: why the last renewal without an answer had none
        self.fault = ""

    async def renew(self, *, register: bool) -> Renewal | None:
        """Extend the lease, or begin one; None when Redis did not answer: the lease is as good as it was."""
        try:
            verdict, now_ms, reclaimed, hints = await self._call_again_if_cut(int(register))
        except QueueUnavailable as fault:
            self.fault = str(fault)
            return None
        return Renewal(verdict == b"ok", int(now_ms), reclaimed, [sid.decode() for sid in hints])

    async def close(self) -> None:
        """Close the connection."""
        await self._link.close()

    async def _call_again_if_cut(self, register: int) -> Answer:
        # A connection that was cut while it rested shows it only now. A new one tells what is wrong, if anything is.
        try:
            return await self._call(register)
        except QueueUnavailable as fault:
            if isinstance(fault.__cause__, TimeoutError):
                raise
            return await self._call(register)

    async def _call(self, register: int) -> Answer:
        return await self._link.call(load("renew"), *self._keys, *self._arguments, register)
