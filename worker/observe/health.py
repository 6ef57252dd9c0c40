"""Is this worker alive, and should it get work: answered from what it did, not from the fact that it runs.

"Healthy but wedged" is the production failure that queues are blamed for most. So liveness is proved by claim cycles
that came to an end and by beats of the event loop. Redis being away is no reason to kill a worker, only not to call
it ready.
"""

from collections.abc import Callable
from typing import Protocol

from worker.clock import monotonic
from worker.observe.sheet import Sheet

Verdict = tuple[bool, str]


class Probes(Protocol):
    """What can be asked over HTTP."""

    def live(self) -> Verdict:
        """Tell whether what runs here still works, and if not, why: restart it then."""
        ...

    def ready(self) -> Verdict:
        """Tell whether it takes work, and if not, why."""
        ...

    def started(self) -> Verdict:
        """Tell whether it has come up once."""
        ...


class Health:
    """What the lane stamps and the probes read, each from a thread or process of its own."""

    __slots__ = ("_now", "_row", "_stall_s")

    REGISTERED, DRAINING, QUIET, CYCLE_AT, BEAT_AT, REDIS_AT = range(6)

    def __init__(
        self, sheet: Sheet | None = None, *, stall_s: float = 10.0, now: Callable[[], float] = monotonic
    ) -> None:
        """Look at the stamps on `sheet`; dead is a worker after `stall_s` seconds without a claim cycle or a beat."""
        self._row = (sheet or Sheet()).row(("health",), 6)
        self._stall_s = stall_s
        self._now = now
        if sheet is None:
            self.begin()

    def begin(self) -> None:
        """Begin the life of a worker: its start counts as first sign of life."""
        row, now = self._row, self._now()
        row[self.REGISTERED] = row[self.DRAINING] = row[self.QUIET] = row[self.REDIS_AT] = 0.0
        row[self.CYCLE_AT] = row[self.BEAT_AT] = now

    @property
    def registered(self) -> bool:
        """Tell whether the worker has had a lease."""
        return self._row[self.REGISTERED] > 0

    def has_registered(self) -> None:
        """Note that the worker has a lease."""
        self._row[self.REGISTERED] = 1.0

    def drains(self) -> None:
        """Note that the worker is about to end."""
        self._row[self.DRAINING] = 1.0

    def goes_quiet(self) -> None:
        """Note that the worker claims nothing more."""
        self._row[self.QUIET] = 1.0

    def claim_cycle(self) -> None:
        """Stamp a claim cycle that came to an end; also one that found Redis unavailable."""
        self._row[self.CYCLE_AT] = self._now()

    def beat(self) -> None:
        """Stamp a turn of the event loop."""
        self._row[self.BEAT_AT] = self._now()

    def redis_answered(self) -> None:
        """Stamp an answer of Redis."""
        self._row[self.REDIS_AT] = self._now()

    def redis_failed(self) -> None:
        """Note that Redis did not answer; the next answer makes good for it."""
        self._row[self.REDIS_AT] = 0.0

    @property
    def redis_ok(self) -> bool:
        """Tell whether Redis answered lately and has not failed since."""
        answered_at = self._row[self.REDIS_AT]
        return answered_at > 0 and self._now() - answered_at <= self._stall_s

    def live(self) -> Verdict:
        """Tell whether the worker still works, and if not, why: restart it then."""
        now, row = self._now(), self._row
        if now - row[self.BEAT_AT] > self._stall_s:
            return False, f"the event loop is blocked for {now - row[self.BEAT_AT]:.0f} s"
        if now - row[self.CYCLE_AT] > self._stall_s:
            return False, f"no claim cycle came to an end for {now - row[self.CYCLE_AT]:.0f} s"
        return True, "ok"

    def ready(self) -> Verdict:
        """Tell whether the worker takes work, and if not, why."""
        alive, reason = self.live()
        if not alive:
            return False, reason
        if self._row[self.DRAINING]:
            return False, "draining"
        if not self.registered:
            return False, "not yet registered"
        if self._row[self.QUIET]:
            return False, "quiet: it claims nothing more"
        return (True, "ok") if self.redis_ok else (False, "Redis does not answer")

    def started(self) -> Verdict:
        """Tell whether the worker has come up once."""
        return (True, "ok") if self.registered else (False, "not yet registered")
