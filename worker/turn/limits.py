"""Time limits that cost nothing for what does not wait."""

from asyncio import Timeout, get_running_loop, timeout
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar, cast

from worker.clock import monotonic
from worker.turn.waits import Waits

_T = TypeVar("_T")
# What a coroutine yields to the event loop is nobody's business but the loop's.
_Running = Coroutine[Any, Any, _T]


class TookTooLongError(Exception):
    """The limit passed; what was under way got cancelled."""


def outcome_of(error: Exception) -> str:
    """Return what metrics call the end of something that raised: `timeout` or `error`."""
    return "timeout" if isinstance(error, TookTooLongError) else "error"


async def within(limit_s: float, work: Awaitable[_T], waits: Callable[[], Waits] = Waits) -> _T:
    """Await `work` for at most `limit_s` seconds, not counting what `waits` has counted; raises `TookTooLongError`.

    A coroutine is first run up to where it waits for something. Most turns never do, so most turns set no timer.
    """
    if not isinstance(work, CoroutineType):
        return await _timed(limit_s, work, waits())
    running = cast("_Running[_T]", work)
    try:
        waits_for = running.send(None)
    except StopIteration as end:
        return end.value
    return await _timed(limit_s, rest_of(running, waits_for), waits())


async def _timed(limit_s: float, work: Awaitable[_T], waits: Waits) -> _T:
    limit = timeout(None)
    alarm = _Alarm(limit, limit_s, waits)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise TookTooLongError from None
        raise
    finally:
        alarm.timer.cancel()


class _Alarm:
    """Ends a time limit when it is over; if something was waited for meanwhile, it rings so much later."""

    __slots__ = ("_end", "_limit", "_loop", "_waits", "timer")

    def __init__(self, limit: Timeout, limit_s: float, waits: Waits) -> None:
        self._limit, self._waits = limit, waits
        self._loop = get_running_loop()
        self._end = monotonic() + limit_s - waits.total_s
        self.timer = self._loop.call_later(limit_s, self._ring)

    def _ring(self) -> None:
        left_s = self._end + self._waits.total_s - monotonic()
        if left_s > 0:
            self.timer = self._loop.call_later(left_s, self._ring)
        else:
            self._limit.reschedule(self._loop.time())


@coroutine
def rest_of(running: Coroutine[Any, Any, _T], waits_for: object) -> Generator[object, object, _T]:
    """Carry on a coroutine that was started by hand and already waits for something."""
    try:
        while True:
            try:
                sent = yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - cancellation too belongs into the coroutine
                waits_for = running.throw(thrown)
            else:
                waits_for = running.send(sent)
    except StopIteration as end:
        return end.value
