"""What tells a full worker of new requests: it can take nothing, but it admits, so that control reaches its turns."""

import asyncio

from worker.clock import Backoff
from worker.errors import QueueUnavailable
from worker.lane.outage import Outage
from worker.store.bell import Bell

#: longest wait for a sign of work; a claim after it covers whatever was missed
BELL_WAIT_S = 1.0


class Doorbell:
    """Listens to new requests while it is armed; what it reads is only a sign of work.

    It leaves the bell to workers with a free slot: the bell wakes one worker, and one that can take nothing would
    swallow the ring of its own hand-over.
    """

    def __init__(self, bell: Bell, outage: Outage) -> None:
        """Listen through `bell`."""
        self._bell = bell
        self._outage = outage
        self._armed = asyncio.Event()
        self.rung = asyncio.Event()

    def arm(self) -> None:
        """Listen from now on, until it rings once."""
        self.rung.clear()
        self._armed.set()

    async def run(self) -> None:
        """Listen for ever; silence counts as a ring."""
        backoff = Backoff()
        while True:
            await self._armed.wait()
            try:
                await self._bell.wait_for_entry(BELL_WAIT_S)
                backoff.reset()
            except QueueUnavailable:
                self._outage.failed("doorbell")
                await backoff.pause()
            self._armed.clear()
            self.rung.set()
