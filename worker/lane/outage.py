"""Repeat a numbered call until Redis answers: the one way in which the lane meets an outage.

A call may have been applied although its answer was lost, so after an unknown outcome only the same operation number
with the same content may be sent: Redis then gives the kept answer again.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from worker.clock import Backoff
from worker.errors import QueueUnavailable
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.store.claims import NoLease
from worker.store.link import QueueFull

T = TypeVar("T")


class Outage:
    """Count, back off and repeat; shared by all loops of a worker."""

    def __init__(self, metrics: Metrics, health: Health) -> None:
        """Report failures to metrics and health."""
        self._metrics = metrics
        self._health = health

    async def until_answered(self, op: str, call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of `call`, however long Redis is away; `NoLease` and `QueueFull` are answers."""
        backoff = Backoff()
        while True:
            try:
                answer = await call()
            except (NoLease, QueueFull):
                raise
            except QueueUnavailable:
                self.failed(op)
                await backoff.pause()
            else:
                self._health.redis_answered()
                return answer

    async def pause(self, op: str) -> None:
        """Count one failed call and wait a little, for loops that begin anew by themselves."""
        self.failed(op)
        await Backoff(first_s=0.2).pause()

    def failed(self, op: str) -> None:
        """Count one failed call."""
        self._metrics.redis_error(op)
        self._health.redis_failed()
        # The loops work as long as they try: an outage of Redis is no reason to restart a worker.
        self._health.claim_cycle()
