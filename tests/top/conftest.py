"""A shard in which everything that the screen can show has happened."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import meta_key
from tests.store.stage import NAMESPACE, Stage, finish

END = '{"type":"commit-execution-end","source":"execution-bus","output":{"status":"completed"}}'
A_DAY_AND_A_HALF_MS = 36 * 3_600_000


@pytest.fixture
async def stage(redis: redis_asyncio.Redis, redis_url: str) -> AsyncIterator[Stage]:
    """Hand out a namespace of one shard in which nothing has happened yet."""
    await redis.hset(meta_key(NAMESPACE), mapping={"protocol": 1, "shards": 1})
    stage = Stage(redis, redis_url)
    await stage.announce()
    yield stage
    await stage.close()


@pytest.fixture
async def busy(stage: Stage) -> Stage:
    """Hand out a shard with two workers: one session is held, one idle, one delayed and one ready, one letter dead."""
    worker, other = await stage.worker("w-1"), await stage.worker("w-2")
    await stage.push("r-idle", "ida")
    await worker.commit(finish(await worker.claim_one(), events=[END]))
    await stage.push("r-delayed", "dan")
    await worker.release(await worker.claim_one(), wait_ms=55_000)
    await stage.push("r-odd", "otto", kind="dance")
    await stage.push_all(["r-held", "r-next"], "hal")
    await other.claim_one()
    await stage.push("r-ready", "rita")
    await worker.claim(0)
    now_s, _ = await stage.redis.time()
    later = now_s * 1000 + A_DAY_AND_A_HALF_MS
    # far away, so that a slow test shows the same
    await stage.redis.zadd(stage.keys.workers, {"w-1": later, "w-2": later})
    await stage.redis.zadd(stage.keys.delayed, {"support:dan": later})
    await stage.redis.zadd(stage.keys.sessions, {"support:ida": later})
    return stage
