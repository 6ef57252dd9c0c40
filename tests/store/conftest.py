"""A shard with one swarm, `support`, and two registered workers."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from tests.store.stage import LEASE_MS, Ears, Stage, StagedWorker
from worker.store.housekeeper import ShardHousekeeper


@pytest.fixture
async def stage(redis: redis_asyncio.Redis, redis_url: str) -> AsyncIterator[Stage]:
    """Hand out the shard."""
    stage = Stage(redis, redis_url)
    await stage.announce()
    yield stage
    await stage.close()


@pytest.fixture
async def worker(stage: Stage) -> StagedWorker:
    """Hand out a worker with a lease."""
    return await stage.worker("w1")


@pytest.fixture
async def other(stage: Stage) -> StagedWorker:
    """Hand out a second worker with a lease."""
    return await stage.worker("w2")


@pytest.fixture
async def ears(redis: redis_asyncio.Redis) -> AsyncIterator[Ears]:
    """Hear everything that is published."""
    ears = Ears(redis)
    await ears.open()
    yield ears
    await ears.close()


@pytest.fixture
async def housekeeper(stage: Stage, redis_url: str) -> AsyncIterator[ShardHousekeeper]:
    """Hand out housekeeping of the shard."""
    keeper = ShardHousekeeper(redis_url, stage.keys, "housekeeping-1", LEASE_MS)
    yield keeper
    await keeper.close()
