"""The only place in the tests that sleeps: wait until a probe holds."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

EVERY_S = 0.01


async def eventually(probe: Callable[[], T | Awaitable[T]], *, within_s: float = 5) -> T:
    """Return the first truthy answer of `probe` (sync or async); an AssertionError inside it means "not yet".

    Raises AssertionError when `within_s` seconds have passed, with the probe's last answer or its own last error.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            answer = probe()
            answer = await answer if inspect.isawaitable(answer) else answer
            if answer:
                return answer
            _give_up_after(deadline, f"still {answer!r} after {within_s} s")
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(EVERY_S)


def eventually_sync(probe: Callable[[], T], *, within_s: float = 5) -> T:
    """Do what `eventually` does, for a test without an event loop."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            answer = probe()
            if answer:
                return answer
            _give_up_after(deadline, f"still {answer!r} after {within_s} s")
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(EVERY_S)


async def stays_so(probe: Callable[[], T | Awaitable[T]], *, for_s: float = 0.3) -> None:
    """Check that `probe` holds at every look for `for_s` seconds: for what must *not* happen."""
    deadline = time.monotonic() + for_s
    while time.monotonic() < deadline:
        answer = probe()
        answer = await answer if inspect.isawaitable(answer) else answer
        assert answer, f"became {answer!r}"
        await asyncio.sleep(EVERY_S)


def _give_up_after(deadline: float, message: str) -> None:
    if time.monotonic() > deadline:
        raise AssertionError(message)
