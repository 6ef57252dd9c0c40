"""Claim alone is what a worker calls while Redis is full: nothing new is admitted, what was accepted drains."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from tests.store.stage import SID, Stage, StagedWorker, finish
from worker.store.commits import LiveOutput
from worker.store.link import QueueFull


@pytest.fixture
async def full(redis: redis_asyncio.Redis) -> AsyncIterator["Full"]:
    """Hand out a way to fill Redis up."""
    yield Full(redis)
    await redis.config_set("maxmemory", 0)


class Full:
    def __init__(self, redis: "redis_asyncio.Redis[bytes]") -> None:
        self._redis = redis

    async def now(self) -> None:
        await self._redis.config_set("maxmemory", 1)

    async def no_more(self) -> None:
        await self._redis.config_set("maxmemory", 0)


async def test_what_is_ready_is_claimed_and_nothing_is_admitted(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await stage.push("r-2", "bob")
    claim = await worker.store.claim(worker.next("claim"), 10, 1)
    assert (claim.admitted, [session.sid for session in claim.sessions]) == (0, [SID])
    assert await stage.session("support:bob") == {}


async def test_claim_and_admit_and_claim_count_their_numbers_together(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    first = await worker.store.admit_and_claim(1, 10, 1)
    assert (await worker.store.claim(1, 10, 1)).sessions == first.sessions
    with pytest.raises(Exception, match="younger"):
        await worker.store.claim(0, 10, 1)


async def test_a_full_redis_refuses_admission_before_any_write(stage: Stage, worker: StagedWorker, full: Full) -> None:
    await stage.push("r-1")
    before = {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")}
    await full.now()
    with pytest.raises(QueueFull):
        await worker.claim()
    assert {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")} == before


async def test_a_full_redis_drains(stage: Stage, worker: StagedWorker, other: StagedWorker, full: Full) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim(0)
    await full.now()
    alice, bob = (await worker.store.claim(worker.next("claim"), 10, 1)).sessions
    live = LiveOutput(alice.sid, alice.fence, ['{"type":"emit"}'], [], {"r-1/step/1": "x"})
    assert await worker.flush(live) == ["ok"]
    assert await worker.commit(finish(alice, journaled=True)) == ["ok"]
    assert await worker.release(bob) == ["ok"]
    (bob,) = (await worker.store.claim(worker.next("claim"), 10, 1)).sessions
    assert await worker.store.begin_dispose(bob.sid, bob.fence, may_call_off=False) == "disposing"
    await full.no_more()
    await stage.expire_lease(worker)
    await stage.age(other)
    await full.now()
    assert (await other.renew()).reclaimed == 1
    assert await worker.store.deregister() == 0
    assert (await stage.result("r-1"))["status"] == "completed"
