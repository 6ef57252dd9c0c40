"""Time limits that cost nothing for what does not wait."""

from asyncio import timeout
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar, cast

_T = TypeVar("_T")
# What a coroutine yields to the event loop is nobody's business but the loop's.
_Running = Coroutine[Any, Any, _T]


class TookTooLongError(Exception):
    """The limit passed; what was under way got cancelled."""


def outcome_of(error: Exception) -> str:
    """Return what metrics call the end of something that raised: `timeout` or `error`."""
    return "timeout" if isinstance(error, TookTooLongError) else "error"


async def within(limit_s: float, work: Awaitable[_T]) -> _T:
    """Await `work` for at most `limit_s` seconds; raises `TookTooLongError`.

    A coroutine is first run up to where it waits for something. Most turns never do, so most turns set no timer.
    """
    if not isinstance(work, CoroutineType):
        return await _timed(limit_s, work)
    running = cast("_Running[_T]", work)
    try:
        waits_for = running.send(None)
    except StopIteration as end:
        return end.value
    return await _timed(limit_s, _rest(running, waits_for))


async def _timed(limit_s: float, work: Awaitable[_T]) -> _T:
    limit = timeout(limit_s)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise TookTooLongError from None
        raise


@coroutine
def _rest(running: _Running[_T], waits_for: object) -> Generator[object, object, _T]:
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
