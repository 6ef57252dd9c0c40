"""A worker that has lost its lease gets a new one at once, and goes on under it."""

from collections.abc import AsyncIterator

import pytest
import redis as redis_py
from redis.asyncio import Redis

from tests.helpers.eventually import eventually
from tests.lane.at_work import KEYS, output, request_of, working
from worker.lane.worker import Worker


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[Worker]:
    """Hand out a worker whose next renewal by itself is a quarter of an hour away."""
    async with working(redis_url, lease_s=3600, max_loop_stall_s=3600) as worker:
        yield worker


async def is_answered_soon(redis: Redis) -> None:
    await redis.xadd(KEYS.requests, request_of("alice"))
    await eventually(lambda: output(redis, "alice"), within_s=20)


@pytest.mark.usefixtures("worker")
async def test_when_redis_has_lost_everything_no_request_waits_for_the_next_renewal(redis: Redis) -> None:
    await redis.flushall()
    await is_answered_soon(redis)


async def test_a_new_lease_counts_although_the_loop_hears_of_it_together_with_the_loss(
    redis: Redis, redis_url: str, worker: Worker
) -> None:
    with redis_py.Redis.from_url(redis_url) as blocking:
        blocking.zrem(KEYS.workers, "w1")
        worker._heartbeat.renew_now()  # noqa: SLF001 - nobody else has a reason to
        while blocking.zscore(KEYS.workers, "w1") is None:
            """The loop stands still meanwhile."""
    await is_answered_soon(redis)
