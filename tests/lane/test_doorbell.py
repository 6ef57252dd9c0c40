"""A full worker listens to requests; the bell wakes one worker, and one that can take nothing must not swallow it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from schemas.keyspace import CONSUMER, DOORBELL_GROUP, ShardKeys
from tests.helpers.eventually import eventually
from worker.lane.doorbell import Doorbell
from worker.lane.outage import Outage
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.store.bell import Bell

KEYS = ShardKeys("swarmline", 0)


@pytest.fixture
async def bell(redis_url: str) -> AsyncIterator[Bell]:
    bell = Bell(redis_url, KEYS)
    await bell.ensure_groups()
    yield bell
    await bell.close()


@pytest.fixture
async def doorbell(bell: Bell) -> AsyncIterator[Doorbell]:
    doorbell = Doorbell(bell, Outage(Metrics(), Health(stall_s=10)))
    task = asyncio.create_task(doorbell.run())
    yield doorbell
    task.cancel()
    await asyncio.wait((task,))


async def test_it_hears_requests_but_leaves_the_bell_to_others(redis: Redis, doorbell: Doorbell) -> None:
    doorbell.arm()

    async def is_listening() -> bool:
        return (await redis.info("clients"))["blocked_clients"] == 1

    await eventually(is_listening)
    await redis.xadd(KEYS.bell, {"b": 1})
    assert await redis.xreadgroup(DOORBELL_GROUP, CONSUMER, {KEYS.bell: ">"}), "nobody has heard it yet"
    assert not doorbell.rung.is_set()
    await redis.xadd(KEYS.requests, {"v": 1})
    await doorbell.rung.wait()


async def test_it_rings_when_it_cannot_listen(redis: Redis, doorbell: Doorbell) -> None:
    await redis.flushall()
    doorbell.arm()
    await doorbell.rung.wait()
