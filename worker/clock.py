"""The one place for monotonic time, for sleeping and for jittered back-off.

Wall time never decides anything here: what is stored or compared between processes comes from Redis' clock.
"""

import asyncio
import random
import time
from datetime import UTC, datetime

#: seconds on a clock that never jumps; deadlines and durations are measured with it
monotonic = time.monotonic

#: wall time in ns since 1970: for spans, never for a decision
wall_ns = time.time_ns

#: suspend the current task for so many seconds
sleep = asyncio.sleep


_RANDOM = random.Random()  # noqa: S311 - jitter is no secret; seeding one per call would cost more than the call


def backoff_s(failures: int, *, first_s: float, most_s: float, source: random.Random | None = None) -> float:
    """Return a delay that doubles from `first_s` with each failure before it, up to `most_s`, half of it by chance."""
    # 2 ** failures overflows a float after a week of outage; past the cap the exponent no longer matters
    step_s = min(most_s, first_s * 2.0 ** min(failures, 30))
    return step_s * (source or _RANDOM).uniform(0.5, 1.0)


class Backoff:
    """Delays that double up to a cap, with jitter, so that N workers don't knock at a restarted Redis together."""

    def __init__(self, *, first_s: float = 0.05, most_s: float = 1.0, source: random.Random | None = None) -> None:
        """Begin at about `first_s` seconds and never exceed `most_s`; `source` of chance is for tests."""
        self._first_s = first_s
        self._most_s = most_s
        self._random = source or _RANDOM
        self._failures = 0

    @property
    def failures(self) -> int:
        """Return how many delays were given since the last reset."""
        return self._failures

    def next_s(self) -> float:
        """Return the next delay in seconds: between half of the doubled step and the whole of it."""
        delay_s = backoff_s(self._failures, first_s=self._first_s, most_s=self._most_s, source=self._random)
        self._failures += 1
        return delay_s

    def reset(self) -> None:
        """Start again at the first delay: what failed has worked."""
        self._failures = 0

    async def pause(self) -> None:
        """Sleep for the next delay."""
        await sleep(self.next_s())


class WallText:
    """The wall time as ISO 8601 text in UTC, a quarter of the price: only the fraction is made anew each time."""

    def __init__(self) -> None:
        """Begin without a second."""
        self._second = -1
        self._text = ""

    def __call__(self) -> str:
        """Return the time now, with microseconds: for log lines, never for a decision."""
        micros = time.time_ns() // 1000
        second, fraction = divmod(micros, 1_000_000)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{fraction:06d}Z"


def wall() -> datetime:
    """Return the wall time in UTC: for log lines, never for a decision."""
    return datetime.now(UTC)
