"""The doorbell: two blocking reads that tell the intake when to claim; what they read is only a sign of work."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from worker.clock import Backoff
from worker.errors import QueueUnavailable
from worker.lane.outage import Outage
from worker.lane.slots import Slots
from worker.store.bell import Bell
from worker.store.link import CommandRefused

#: longest wait for a sign; a call after it covers whatever ringing was missed
BELL_WAIT_S = 1.0


class Doorbell:
    """Listens whenever the intake waits: to new requests always, to the bell only for a worker that has a free slot.

    The bell wakes one worker. One that can take nothing would swallow the ring of its own hand-over.
    """

    def __init__(self, bell: Bell, outage: Outage, slots: Slots) -> None:
        """Listen through `bell`."""
        self._bell = bell
        self._outage = outage
        self._slots = slots
        self._entries_wanted = asyncio.Event()
        self._bell_wanted = asyncio.Event()
        self._bell_task: asyncio.Task[None] | None = None
        self.rung = asyncio.Event()

    def arm(self) -> None:
        """Listen from now on, until it rings once."""
        self.rung.clear()
        self._entries_wanted.set()
        if self._slots.free:
            self._bell_wanted.set()

    async def run(self) -> None:
        """Listen for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._hear_entry))
            self._bell_task = group.create_task(self._repeat(self._hear_bell))

    async def mute(self) -> None:
        """Hear the bell no more, and pass on what may have been heard just now: this worker takes nothing any more."""
        if self._bell_task is not None:
            self._bell_task.cancel()
            await asyncio.wait((self._bell_task,))
        with contextlib.suppress(QueueUnavailable, TimeoutError):
            async with asyncio.timeout(BELL_WAIT_S):
                await self._bell.ring()

    async def _repeat(self, hear: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                await hear()
                backoff.reset()
            except QueueUnavailable as error:
                self._outage.failed("doorbell")
                await backoff.pause()
                if isinstance(error, CommandRefused) and error.code == "NOGROUP":
                    await self._recreate_groups()
                self.rung.set()

    async def _hear_entry(self) -> None:
        await self._entries_wanted.wait()
        await self._bell.wait_for_entry(BELL_WAIT_S)
        self._entries_wanted.clear()
        self.rung.set()  # silence counts as well

    async def _hear_bell(self) -> None:
        await self._bell_wanted.wait()
        heard = await self._bell.wait_for_ring(BELL_WAIT_S)
        if heard or not self._slots.free:
            self._bell_wanted.clear()
        if heard and self._slots.free:
            self.rung.set()
        elif heard:
            await self._bell.ring()  # it was meant for a worker that can take something

    async def _recreate_groups(self) -> None:
        try:
            await self._bell.ensure_groups()
        except QueueUnavailable:
            self._outage.failed("doorbell")
