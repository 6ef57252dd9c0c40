"""Reclaim as housekeeping calls it: a caller without a lease, so its continuity is kept in the script."""

from tests.store.stage import LEASE_MS, SID, Stage, StagedWorker
from worker.store.housekeeper import ShardHousekeeper


async def now_ms(stage: Stage) -> int:
    seconds, micros = await stage.redis.time()
    return seconds * 1000 + micros // 1000


async def test_nothing_is_taken_before_one_lease_of_unbroken_calls(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    ops = stage.keys.ops("housekeeping-1")
    await stage.push("r-1")
    await worker.claim_one()
    await stage.expire_lease(worker)
    assert await housekeeper.reclaim() == 0
    await stage.redis.hset(ops, "since", await now_ms(stage) - LEASE_MS - 1)
    assert await housekeeper.reclaim() == 1
    assert await stage.names(stage.keys.ready) == [SID]
    assert await stage.redis.xlen(stage.keys.bell) == 1
    assert await stage.redis.pttl(ops) > 0
    await housekeeper.close()


async def test_two_calls_further_apart_than_half_a_lease_begin_anew(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.expire_lease(worker)
    await housekeeper.reclaim()
    seen = await now_ms(stage) - LEASE_MS // 2 - 5
    await stage.redis.hset(stage.keys.ops("housekeeping-1"), mapping={"since": 1, "seen": seen})
    assert await housekeeper.reclaim() == 0
    await housekeeper.close()


async def test_a_living_worker_keeps_what_it_holds(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await housekeeper.reclaim()
    await stage.redis.hset(stage.keys.ops("housekeeping-1"), "since", 1)
    assert await housekeeper.reclaim() == 0
    assert (await stage.session())["status"] == "held"
    await housekeeper.close()
