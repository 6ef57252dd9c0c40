"""The lease as its holder sees it: fresh by its own monotonic clock, or a reason to pause."""

import asyncio

from worker.clock import monotonic

#: share of the lease after which its holder pauses: it must stop by itself before anybody may take over
TRUSTED_SHARE = 0.8


class Lease:
    """When the last renewal ends; the heartbeat writes it, and it is asked before everything that has effects."""

    def __init__(self, lease_s: float) -> None:
        """Begin without a lease; the first renewal gives one."""
        self.lease_s = lease_s
        self._fresh_until = 0.0
        self._renewed = asyncio.Event()

    @property
    def is_fresh(self) -> bool:
        """Tell whether nobody can have taken over yet."""
        return monotonic() < self._fresh_until

    def renewed(self, sent_at: float) -> None:
        """Take note of a renewal that was sent at that monotonic time; call it on the event loop."""
        self._fresh_until = sent_at + self.lease_s * TRUSTED_SHARE
        self._renewed.set()

    def lost(self) -> None:
        """Take note that the lease is gone."""
        self._fresh_until = 0.0

    async def fresh(self) -> None:
        """Return at once while the lease is fresh, else wait for the renewal that makes it so."""
        while not self.is_fresh:
            self._renewed.clear()
            await self._renewed.wait()
