"""The requests stream holds what was not admitted; its groups can be lost, what was pushed can't."""

import pytest

from schemas.keyspace import ADMISSION_GROUP, DOORBELL_GROUP
from tests.store.stage import Stage, StagedWorker
from worker.store.housekeeper import ShardHousekeeper
from worker.store.shard import BITE


async def lag(stage: Stage) -> int | None:
    groups = await stage.redis.xinfo_groups(stage.keys.requests)
    return {group["name"]: group["lag"] for group in groups}[ADMISSION_GROUP.encode()]


async def test_trim_drops_what_was_admitted_and_nothing_else(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await stage.push_all(["r-1", "r-2"])
    await worker.claim()
    left = await stage.push("r-3")
    await housekeeper.trim()
    assert [entry_id for entry_id, _ in await stage.redis.xrange(stage.keys.requests)] == [left]
    assert await lag(stage) == 1
    await worker.claim()
    await housekeeper.trim()
    assert await stage.redis.xlen(stage.keys.requests) == 0
    assert await lag(stage) == 0


async def test_trim_before_anything_was_admitted_drops_nothing(stage: Stage, housekeeper: ShardHousekeeper) -> None:
    await stage.push("r-1")
    assert await housekeeper.trim() == 0
    assert await stage.redis.xlen(stage.keys.requests) == 1


async def test_admission_trims_as_it_goes_and_the_lag_stays_exact(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all([f"r-{number}" for number in range(4 * BITE)])
    assert [(await worker.claim(0)).admitted for _ in range(3)] == [BITE] * 3
    assert await stage.redis.xlen(stage.keys.requests) < 4 * BITE
    assert await lag(stage) == BITE


@pytest.mark.parametrize("trimmed", [False, True])
async def test_a_lost_group_is_taken_up_where_admission_stopped(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper, *, trimmed: bool
) -> None:
    await stage.push_all(["r-1", "r-2"])
    await worker.claim()
    if trimmed:
        await housekeeper.trim()
    await stage.push("r-3")
    await stage.redis.xgroup_destroy(stage.keys.requests, ADMISSION_GROUP)
    claim = await worker.claim(0)
    assert (claim.admitted, claim.verdicts) == (1, {"accepted": 1})
    await stage.push("r-4")
    assert await lag(stage) == 1, "without it autoscalers are blind"


async def test_the_lag_is_known_as_soon_as_a_lost_group_is_made_anew(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim()
    await stage.push_all([f"r-{number}" for number in range(2, BITE + 4)])
    await stage.redis.xgroup_destroy(stage.keys.requests, ADMISSION_GROUP)
    assert (await worker.claim(0)).admitted == BITE
    assert await lag(stage) == 2


async def test_groups_are_made_anew_on_a_stream_that_was_lost(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    await worker.claim()
    await stage.redis.delete(stage.keys.requests)
    await stage.push("r-3", "bob")
    assert [session.client_id for session in (await worker.claim()).sessions] == ["bob"]
    await worker.store.bell.ensure_groups()
    assert await lag(stage) == 0


async def test_groups_of_a_stream_that_does_not_exist_make_it(stage: Stage, worker: StagedWorker) -> None:
    await worker.store.bell.ensure_groups()
    await worker.store.bell.ensure_groups()
    assert (await worker.claim()).admitted == 0
    groups = await stage.redis.xinfo_groups(stage.keys.requests)
    assert {group["name"].decode() for group in groups} == {ADMISSION_GROUP, DOORBELL_GROUP}
    assert await lag(stage) == 0


async def test_an_old_bell_does_not_ring_for_what_is_admitted(stage: Stage, worker: StagedWorker) -> None:
    await worker.store.bell.ensure_groups()
    await stage.push_all(["r-1", "r-2"])
    await worker.claim()
    groups = await stage.redis.xinfo_groups(stage.keys.requests)
    assert len({group["last-delivered-id"] for group in groups}) == 1
