"""Is this worker alive, and should it get work: answered from what it did, not from the fact that it runs.

"Healthy but wedged" is the production failure that queues are blamed for most. So liveness is proved by claim cycles
that came to an end and by beats of the event loop. Redis being away is no reason to kill a worker, only not to call
it ready.
"""

from collections.abc import Callable

from worker.clock import monotonic

Verdict = tuple[bool, str]


class Health:
    """What the lane stamps and the probes read; plain attributes, so any thread may do either."""

    def __init__(self, *, stall_s: float = 10.0, now: Callable[[], float] = monotonic) -> None:
        """Call the worker dead after `stall_s` seconds without a claim cycle or a beat of the loop."""
        self.registered = False
        self.draining = False
        self._stall_s = stall_s
        self._now = now
        # the start counts as first sign of life: a worker gets `stall_s` for its first cycle
        self._cycle_at = self._beat_at = now()
        self._redis_at: float | None = None

    def claim_cycle(self) -> None:
        """Stamp a claim cycle that came to an end; also one that found Redis unavailable."""
        self._cycle_at = self._now()

    def beat(self) -> None:
        """Stamp a turn of the event loop."""
        self._beat_at = self._now()

    def redis_answered(self) -> None:
        """Stamp an answer of Redis."""
        self._redis_at = self._now()

    def redis_failed(self) -> None:
        """Note that Redis did not answer; the next answer makes good for it."""
        self._redis_at = None

    @property
    def redis_ok(self) -> bool:
        """Tell whether Redis answered lately and has not failed since."""
        return self._redis_at is not None and self._now() - self._redis_at <= self._stall_s

    def live(self) -> Verdict:
        """Tell whether the worker still works, and if not, why: restart it then."""
        now = self._now()
        if now - self._beat_at > self._stall_s:
            return False, f"the event loop is blocked for {now - self._beat_at:.0f} s"
        if now - self._cycle_at > self._stall_s:
            return False, f"no claim cycle came to an end for {now - self._cycle_at:.0f} s"
        return True, "ok"

    def ready(self) -> Verdict:
        """Tell whether the worker takes work, and if not, why."""
        alive, reason = self.live()
        if not alive:
            return False, reason
        if self.draining:
            return False, "draining"
        if not self.registered:
            return False, "not yet registered"
        return (True, "ok") if self.redis_ok else (False, "Redis does not answer")

    def started(self) -> Verdict:
        """Tell whether the worker has come up once."""
        return (True, "ok") if self.registered else (False, "not yet registered")
