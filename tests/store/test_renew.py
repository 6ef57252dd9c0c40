"""A renewal keeps a lease, and takes back what workers held whose lease is over."""

import pytest

from tests.store.stage import LEASE_MS, SID, Stage, StagedWorker, finish


async def test_registration_begins_a_lease_of_one_lease_from_now(stage: Stage, worker: StagedWorker) -> None:
    renewal = await worker.renew()
    assert renewal.registered
    assert await stage.redis.zscore(stage.keys.workers, "w1") == renewal.now_ms + LEASE_MS
    assert await stage.redis.pttl(stage.keys.ops("w1")) > 0


async def test_a_lease_that_is_gone_is_not_begun_anew_by_a_renewal(stage: Stage, worker: StagedWorker) -> None:
    await stage.redis.zrem(stage.keys.workers, "w1")
    assert not (await worker.renew()).registered
    assert await stage.redis.zscore(stage.keys.workers, "w1") is None


async def test_a_lease_that_ran_out_but_was_taken_by_nobody_goes_on(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.expire_lease(worker)
    assert (await worker.renew()).registered
    assert await worker.commit(finish(session)) == ["ok"]


async def test_nothing_is_reclaimed_before_one_lease_of_own_continuity(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    """After an outage of Redis every lease looks expired although the workers live."""
    await stage.push("r-1")
    await worker.claim_one()
    await stage.expire_lease(worker)
    assert (await other.renew()).reclaimed == 0
    await stage.age(other)
    assert (await other.renew()).reclaimed == 1


async def test_a_gap_in_the_own_renewals_begins_the_continuity_anew(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.age(other)
    await stage.expire_lease(other)
    await stage.expire_lease(worker)
    assert (await other.renew()).reclaimed == 0
    assert (await worker.renew()).registered


async def test_a_clock_that_was_put_back_begins_the_continuity_anew(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.age(other)
    await stage.redis.zadd(stage.keys.workers, {"w2": 9e15, "w1": 1})
    assert (await other.renew()).reclaimed == 0


async def test_a_dead_worker_is_taken_whole(stage: Stage, worker: StagedWorker, other: StagedWorker) -> None:
    for client_id in "abc":
        await stage.push(f"r-{client_id}", client_id)
    await worker.claim()
    assert await stage.reclaim(worker, other) == 3
    assert await stage.redis.exists(stage.keys.held("w1")) == 0
    assert await stage.redis.zscore(stage.keys.workers, "w1") is None
    assert {session.attempts for session in (await other.claim()).sessions} == {2}
    assert await stage.redis.xlen(stage.keys.bell) == 1


async def test_what_was_lost_once_runs_again_before_what_waits(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", "alice")
    await worker.claim_one()
    await stage.push("r-2", "bob")
    await worker.claim(0)
    await stage.reclaim(worker, other)
    assert await stage.names(stage.keys.ready) == [SID, "support:bob"]


async def test_what_was_lost_twice_is_a_suspect_and_claimed_one_at_a_time(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.reclaim(worker, other)
    await other.claim_one()
    await worker.renew(register=True)
    await stage.reclaim(other, worker)
    assert await stage.names(stage.keys.suspects) == [SID]
    assert (await worker.claim(suspect_slots=0)).sessions == []
    session = await worker.claim_one()
    assert (session.attempts, session.is_suspect) == (3, True)


async def test_sessions_lost_together_twice_share_the_blame_and_are_not_charged(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    for client_id in "ab":
        await stage.push(f"r-{client_id}", client_id)
    await worker.claim()
    await stage.reclaim(worker, other)
    await other.claim()
    await worker.renew(register=True)
    await stage.reclaim(other, worker)
    assert [(await stage.session(f"support:{client_id}"))["attempts"] for client_id in "ab"] == ["1", "1"]
    (first,) = (await worker.claim()).sessions
    assert first.is_suspect
    assert first.attempts == 2


async def test_a_session_that_changed_hands_is_left_with_its_holder(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.redis.sadd(stage.keys.held("w2"), SID)
    assert await stage.reclaim(other, worker) == 0
    assert await worker.commit(finish(session)) == ["ok"]


@pytest.mark.unguarded_keyspace
async def test_a_damaged_session_of_a_dead_worker_stops_no_renewal(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim()
    await stage.redis.delete(stage.keys.session(SID))
    await stage.redis.set(stage.keys.session(SID), "overwritten")
    assert await stage.reclaim(worker, other) == 1
    assert [session.client_id for session in (await other.claim()).sessions] == ["bob"]


async def hold_back_renewals(stage: Stage, worker: StagedWorker) -> None:
    """Let the last renewal of a worker be more than half a lease ago; its lease still runs."""
    seconds, micros = await stage.redis.time()
    lease_end_ms = seconds * 1000 + micros // 1000 + LEASE_MS // 2 - 1000
    await stage.redis.zadd(stage.keys.workers, {worker.worker_id: lease_end_ms})


async def test_after_an_outage_too_short_for_its_own_lease_nobody_takes_from_one_whose_lease_ended(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.expire_lease(worker)
    await stage.age(other)
    await hold_back_renewals(stage, other)
    await other.claim()
    assert (await other.renew()).reclaimed == 0
    assert (await worker.renew()).registered
    assert (await stage.session())["status"] == "held"


async def test_who_begins_a_lease_anew_holds_nothing_from_before(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.redis.zrem(stage.keys.workers, "w1")
    await worker.renew(register=True)
    assert await stage.names(stage.keys.held("w1")) == []
    assert await stage.names(stage.keys.ready) == [SID]


async def test_who_begins_a_lease_anew_has_no_row_of_renewals_yet(stage: Stage, worker: StagedWorker) -> None:
    await stage.age(worker)
    await stage.redis.zrem(stage.keys.workers, "w1")
    await worker.renew(register=True)
    assert int(await stage.redis.hget(stage.keys.ops("w1"), "since") or 0) > 1


async def test_a_connection_that_was_cut_while_it_rested_costs_no_renewal(stage: Stage, worker: StagedWorker) -> None:
    await stage.redis.client_kill_filter(_type="normal", skipme=True)
    assert (await worker.renew()).registered
