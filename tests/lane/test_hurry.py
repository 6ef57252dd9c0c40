"""The second signal may come at any time, also before the drain waits for turns."""

import asyncio

from redis.asyncio import Redis

from tests.lane.at_work import KEYS, request_of, working
from worker import CompletionMessage, CompletionRequest

AN_HOUR_S = 3600


async def test_who_is_told_to_hurry_before_the_waiting_began_does_not_begin_it(redis: Redis, redis_url: str) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def wait(_request: CompletionRequest) -> CompletionMessage:
        begun.set()
        await never.wait()
        return CompletionMessage("done")

    async with asyncio.timeout(20), working(redis_url, wait, grace_s=AN_HOUR_S) as worker:
        await redis.xadd(KEYS.requests, request_of("alice"))
        await begun.wait()
        worker.hurry()
    assert await redis.lrange(KEYS.ready, 0, -1) == [b"support:alice"]
