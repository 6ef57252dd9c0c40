"""The bell wakes one worker: one that can take nothing must not swallow it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually
from worker.lane.doorbell import Doorbell
from worker.lane.outage import Outage
from worker.lane.slots import Slots
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.store.bell import Bell

KEYS = ShardKeys("swarmline", 0)


def slots_of(total: int) -> Slots:
    return Slots(total, lambda _used, _total: None)


@pytest.fixture
async def bells(redis_url: str) -> AsyncIterator[tuple[Bell, Bell]]:
    mine, others = Bell(redis_url, KEYS), Bell(redis_url, KEYS)
    await mine.ensure_groups()
    yield mine, others
    await mine.close()
    await others.close()


@pytest.fixture
async def slots() -> Slots:
    return slots_of(1)


@pytest.fixture
async def doorbell(bells: tuple[Bell, Bell], slots: Slots) -> AsyncIterator[Doorbell]:
    doorbell = Doorbell(bells[0], Outage(Metrics(), Health(stall_s=10)), slots)
    task = asyncio.create_task(doorbell.run())
    yield doorbell
    task.cancel()
    await asyncio.wait((task,))


async def blocked(redis: Redis, count: int) -> None:
    async def are_blocked() -> bool:
        return (await redis.info("clients"))["blocked_clients"] == count

    await eventually(are_blocked)


async def test_a_worker_with_a_free_slot_hears_the_bell(
    redis: Redis, bells: tuple[Bell, Bell], doorbell: Doorbell
) -> None:
    doorbell.arm()
    await blocked(redis, 2)
    await bells[1].ring()
    await doorbell.rung.wait()


async def test_a_full_worker_hears_requests_but_leaves_the_bell_to_others(
    redis: Redis, bells: tuple[Bell, Bell], doorbell: Doorbell, slots: Slots
) -> None:
    slots.take()
    doorbell.arm()
    await blocked(redis, 1)
    await bells[1].ring()
    assert await bells[1].wait_for_ring(5)
    await redis.xadd(KEYS.requests, {"v": 1})
    await doorbell.rung.wait()


async def test_a_ring_that_reaches_a_worker_which_became_full_is_passed_on(
    redis: Redis, bells: tuple[Bell, Bell], doorbell: Doorbell, slots: Slots
) -> None:
    doorbell.arm()
    await blocked(redis, 2)
    slots.take()
    await bells[1].ring()
    assert await bells[1].wait_for_ring(5)


async def test_a_worker_that_drains_passes_on_what_it_heard_last(
    redis: Redis, bells: tuple[Bell, Bell], doorbell: Doorbell, slots: Slots
) -> None:
    doorbell.arm()
    await blocked(redis, 2)
    slots.closed = True
    await doorbell.mute()
    assert await bells[1].wait_for_ring(5)
    doorbell.arm()
    await bells[1].ring()
    assert await bells[1].wait_for_ring(5)


async def test_lost_groups_are_made_again(redis: Redis, doorbell: Doorbell) -> None:
    await redis.flushall()
    doorbell.arm()
    await doorbell.rung.wait()

    async def are_back() -> bool:
        return bool(await redis.exists(KEYS.bell) and await redis.xinfo_groups(KEYS.requests))

    await eventually(are_back)
    await blocked(redis, 2)
