"""Renew the worker's lease from a thread of its own, so that agent code which blocks the event loop costs no lease.

That thread has an event loop too, since shards are renewed each by itself: one that does not answer must not cost the
others their lease. The renewals stop when the worker's event loop has not answered for `max_loop_stall_s`: a hung
worker must lose its work.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass

from worker.clock import backoff_s, monotonic
from worker.observe.stacks import dump_main_stack
from worker.store.renewal import Renewal, RenewalLink

#: renewals in one lease: three may fail before anybody else may take over
RENEWALS_PER_LEASE = 4
BEAT_S = 0.25
#: longest pause after a renewal that failed: turns wait for the first one after an outage, and a quarter of a lease is
#: too long for that
AGAIN_S = 0.5
#: a loop that has not answered for so long is told of in the log, with the line of code that holds it
BLOCKED_S = 5.0


@dataclass(frozen=True, slots=True)
class HeartbeatListener:
    """Where the results of renewals go; all are called on the event loop."""

    renewed: Callable[[int, float, Renewal], None]  # shard, monotonic time of sending, answer
    lost: Callable[[int], None]  # shard: the lease is gone, others have taken the sessions
    failed: Callable[[int, str], None]  # shard, why: Redis did not answer
    beat: Callable[[float], None]  # seconds that the event loop was late


class Heartbeat:
    """One thread that renews the lease in every shard; public methods are for the event loop of the worker."""

    def __init__(
        self, links: Sequence[RenewalLink], lease_s: float, max_loop_stall_s: float, listener: HeartbeatListener
    ) -> None:
        """Renew over `links`, one per shard, which nobody else may use."""
        self._links = links
        self._interval_s = lease_s / RENEWALS_PER_LEASE
        self._max_loop_stall_s = max_loop_stall_s
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._dues = [asyncio.Event() for _ in links]
        self._stops = False
        self._last_beat = monotonic()
        self._is_told = False
        # A thread begins with an empty context, and instrumented libraries would make a span of each renewal.
        run_hushed = copy_context().run
        self._thread = threading.Thread(target=run_hushed, args=(self._run,), name="swarmline-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._beat(monotonic())
        self._thread.start()

    def renew_now(self) -> None:
        """Renew at once: somebody was told that the lease is gone, and nothing is claimed before the next one."""
        if self._own_loop is not None:
            self._own_loop.call_soon_threadsafe(self._ring)

    async def stop(self) -> None:
        """Stop renewing; returns when the thread has ended."""
        self._stops = True
        self.renew_now()
        await asyncio.to_thread(self._thread.join)

    def _ring(self) -> None:
        for due in self._dues:
            due.set()

    def _beat(self, due: float) -> None:
        now = monotonic()
        self._last_beat = now
        self._listener.beat(max(0.0, now - due))
        if not self._stops:
            self._loop.call_later(BEAT_S, self._beat, now + BEAT_S)

    def _run(self) -> None:
        asyncio.run(self._keep_all())

    async def _keep_all(self) -> None:
        self._own_loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as shards:
            for shard, link in enumerate(self._links):
                shards.create_task(self._keep(shard, link, self._dues[shard]))
        self._own_loop = None

    async def _keep(self, shard: int, link: RenewalLink, due: asyncio.Event) -> None:
        # Fresh worker, fresh id: its first call begins the lease.
        is_new = True
        while not self._stops:
            started, pause_s = monotonic(), self._interval_s
            self._tell_of_block(started - self._last_beat)
            if started - self._last_beat < self._max_loop_stall_s:
                if await self._renew(shard, link, register=is_new):
                    is_new = False
                else:
                    pause_s = min(pause_s, backoff_s(0, first_s=AGAIN_S, most_s=AGAIN_S))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.05, pause_s - (monotonic() - started))):
                    await due.wait()
            due.clear()
        await link.close()

    def _tell_of_block(self, blocked_s: float) -> None:
        """Write once for each block who holds the loop: when it is over nobody can tell any more."""
        if blocked_s < BLOCKED_S:
            self._is_told = False
        elif not self._is_told:
            self._is_told = True
            dump_main_stack(blocked_s)

    async def _renew(self, shard: int, link: RenewalLink, *, register: bool) -> bool:
        sent_at = monotonic()
        renewal = await link.renew(register=register)
        if renewal is not None and not renewal.registered:
            # Others have the sessions. A new lease lets the worker go on with new ones; its turns are stopped first,
            # because callbacks reach the loop in order, and claims come from the loop.
            self._tell(self._listener.lost, shard)
            renewal = await link.renew(register=True)
        if renewal is None:
            self._tell(self._listener.failed, shard, link.fault)
            return False
        self._tell(self._listener.renewed, shard, sent_at, renewal)
        return True

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # the loop is closed: the process is about to end
            self._stops = True
            self._ring()
