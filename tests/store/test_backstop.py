"""The keys of an idle session expire, accepted work does not, and a turn between the two costs no call for it."""

import pytest

from tests.store.stage import GRACE_MS, RECORD, SID, TTL_MS, Stage, StagedWorker, finish
from worker.store.claims import ClaimedSession


async def lives(stage: Stage) -> list[int]:
    """Return what is left of the life of session, history and outbox, in ms; -1 = they live for ever."""
    keys = stage.keys
    return [await stage.redis.pttl(key) for key in (keys.session(SID), keys.history(SID), keys.outbox(SID))]


async def shorten(stage: Stage, left_ms: int) -> None:
    """Let the session have been idle for so long that only that much of its life is left."""
    now_s, _ = await stage.redis.time()
    await stage.redis.hset(stage.keys.session(SID), "expires", now_s * 1000 + left_ms)
    for key in (stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID)):
        await stage.redis.pexpire(key, left_ms)


async def second_claim(stage: Stage, worker: StagedWorker) -> ClaimedSession:
    """Take one turn, then claim the session again in the call that wakes it."""
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    return await worker.claim_one()


async def test_who_claims_a_session_as_it_leaves_idle_leaves_its_expiry_alone(
    stage: Stage, worker: StagedWorker
) -> None:
    session = await second_claim(stage, worker)
    assert all(left_ms > TTL_MS for left_ms in await lives(stage))
    assert await worker.commit(finish(session)) == ["ok"]
    assert all(TTL_MS + GRACE_MS / 2 < left_ms <= TTL_MS + GRACE_MS for left_ms in await lives(stage))


async def test_an_expiry_is_renewed_when_half_of_the_grace_is_gone(stage: Stage, worker: StagedWorker) -> None:
    session = await second_claim(stage, worker)
    await shorten(stage, TTL_MS + GRACE_MS // 2 - 1000)
    await worker.commit(finish(session))
    assert all(left_ms > TTL_MS + GRACE_MS - 10_000 for left_ms in await lives(stage))


async def test_a_session_with_little_time_left_is_claimed_without_expiry(stage: Stage, worker: StagedWorker) -> None:
    await stage.announce(ttl_ms=TTL_MS)
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await shorten(stage, TTL_MS - 1000)
    await stage.push("r-2")
    session = await worker.claim_one()
    assert await lives(stage) == [-1, -1, -1]
    await worker.commit(finish(session))
    assert all(left_ms > TTL_MS for left_ms in await lives(stage))


async def test_what_is_handed_back_waits_without_expiry(stage: Stage, worker: StagedWorker) -> None:
    session = await second_claim(stage, worker)
    assert await worker.release(session) == ["ok"]
    assert await lives(stage) == [-1, -1, -1]


async def test_what_is_taken_from_a_dead_worker_waits_without_expiry(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await second_claim(stage, worker)
    assert await stage.reclaim(worker, other) == 1
    assert await lives(stage) == [-1, -1, -1]


async def test_a_request_outlives_its_session_when_all_workers_were_away_for_too_long(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await second_claim(stage, worker)
    await stage.redis.delete(stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID))
    assert await stage.reclaim(worker, other) == 1
    session = await other.claim_one()
    assert (session.turn, [request.request_id for request in session.requests]) == (0, ["r-2"])
    assert await other.commit(finish(session)) == ["ok"]


async def test_what_waits_for_its_next_turn_has_no_expiry(stage: Stage, worker: StagedWorker) -> None:
    session = await second_claim(stage, worker)
    await stage.push("r-3")
    await worker.claim(0)
    await worker.commit(finish(session))
    assert (await stage.session())["status"] == "ready"
    assert await lives(stage) == [-1, -1, -1]


async def test_renewals_take_the_expiry_off_what_a_worker_holds_for_long(stage: Stage, worker: StagedWorker) -> None:
    await second_claim(stage, worker)
    seconds, _ = await stage.redis.time()
    await stage.redis.hset(stage.keys.ops("w1"), "persisted", (seconds - 30) * 1000)
    await worker.renew()
    assert min(await lives(stage)) > 0, "only once a minute"
    await stage.redis.hset(stage.keys.ops("w1"), "persisted", (seconds - 61) * 1000)
    await worker.renew()
    assert await lives(stage) == [-1, -1, -1]


async def test_a_history_that_begins_late_expires_with_its_session(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), records=[]))
    await stage.push("r-2")
    await worker.commit(finish(await worker.claim_one(), records=[RECORD]))
    assert all(left_ms > TTL_MS for left_ms in await lives(stage))


async def test_a_history_that_begins_while_its_session_goes_on_expires_with_it(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), records=[]))
    await stage.push("r-2")
    await stage.push("r-3")
    claimed = await worker.claim_one()
    await worker.commit(finish(claimed, 0, release=False))
    await worker.commit(finish(claimed, 1))
    assert all(left_ms > TTL_MS for left_ms in await lives(stage))


@pytest.mark.unguarded_keyspace
async def test_an_outbox_of_a_wrong_type_takes_the_history_of_its_turn_back(stage: Stage, worker: StagedWorker) -> None:
    session = await second_claim(stage, worker)
    before = await stage.redis.lrange(stage.keys.history(SID), 0, -1)
    await stage.redis.delete(stage.keys.outbox(SID))
    await stage.redis.set(stage.keys.outbox(SID), "somebody's")
    assert await worker.commit(finish(session)) == ["wrong_type"]
    assert await stage.redis.lrange(stage.keys.history(SID), 0, -1) == before
    assert (await stage.result("r-2"))["status"] == "accepted"
