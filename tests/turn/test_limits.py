"""Time limits cost nothing for what does not wait, and cancel what waits too long."""

import asyncio
from collections.abc import Awaitable

import pytest

from worker.turn.limits import TookTooLongError, within
from worker.turn.waits import Waits


async def at_once(value: int) -> int:
    return value


async def after_a_while(value: int) -> int:
    await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop
    await asyncio.sleep(0.001)  # noqa: TID251 - a timer of the loop
    return value


async def for_ever() -> int:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("work", [at_once, after_a_while])
async def test_a_result_in_time_is_returned(work: object) -> None:
    assert await within(5, work(7)) == 7  # type: ignore[operator]


async def test_what_takes_too_long_is_cancelled() -> None:
    ended: list[str] = []

    async def stubborn() -> int:
        try:
            return await for_ever()
        finally:
            ended.append("cancelled")

    with pytest.raises(TookTooLongError):
        await within(0.01, stubborn())
    assert ended == ["cancelled"]


@pytest.mark.parametrize("error", [OSError, TimeoutError])
async def test_errors_come_through_from_before_and_after_the_first_wait(error: type[Exception]) -> None:
    async def early() -> int:
        raise error

    async def late() -> int:
        await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop
        raise error

    for work in (early, late):
        with pytest.raises(error):
            await within(5, work())


async def test_a_cancellation_from_outside_is_no_time_out() -> None:
    task = asyncio.create_task(within(5, for_ever()))
    await asyncio.sleep(0)  # noqa: TID251 - lets it start
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_any_awaitable_will_do() -> None:
    future: Awaitable[int] = asyncio.get_running_loop().create_future()
    with pytest.raises(TookTooLongError):
        await within(0.01, future)


async def test_limits_nest() -> None:
    async def inner() -> str:
        try:
            await within(0.01, for_ever())
        except TookTooLongError:
            return "inner"
        return ""

    assert await within(5, inner()) == "inner"

    with pytest.raises(TookTooLongError):
        await within(0.01, within(5, for_ever()))


async def test_a_limit_inside_started_work_still_counts() -> None:
    async def own_limit() -> str:
        try:
            async with asyncio.timeout(0.01):
                await for_ever()
        except TimeoutError:
            return "own"
        return ""

    assert await within(5, own_limit()) == "own"


async def test_what_was_waited_for_redis_is_not_counted() -> None:
    waits = Waits()

    async def work() -> str:
        with waits, waits:
            await asyncio.sleep(0.05)  # noqa: TID251 - longer than the limit
        with waits:
            await asyncio.sleep(0.05)  # noqa: TID251 - longer than the limit
        return "done"

    assert await within(0.04, work(), lambda: waits) == "done"
    assert await within(0.04, within(0.04, work(), lambda: waits), lambda: waits) == "done"


async def test_what_takes_too_long_beside_its_waits_is_cancelled() -> None:
    waits = Waits()

    async def work() -> str:
        with waits:
            await asyncio.sleep(0.02)  # noqa: TID251 - time that is not counted
        await for_ever()
        return "never"

    with pytest.raises(TookTooLongError):
        await within(0.01, work(), lambda: waits)
