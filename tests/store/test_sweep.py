"""The sweep asks idle sessions whose time is over to dispose, in their own lane."""

import pytest

from tests.store.stage import SID, Stage, StagedWorker, finish
from worker.store.housekeeper import SWEEP_BATCH, ShardHousekeeper


async def idle(stage: Stage, worker: StagedWorker, client_id: str = "alice", *, due: bool = True) -> None:
    """Open a session that is idle, and due unless told."""
    await stage.push(f"open-{client_id}", client_id)
    await worker.commit(finish(await worker.claim_one()))
    if due:
        await stage.redis.zadd(stage.keys.sessions, {f"support:{client_id}": 1})


async def test_what_is_asked_to_dispose_waits_for_it_without_expiry(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await idle(stage, worker)
    await housekeeper.sweep()
    assert await stage.redis.pttl(stage.keys.session(SID)) == -1
    session = await worker.claim_one()
    assert await worker.commit(finish(session)) == ["ok"], "it was called off"
    assert await stage.redis.pttl(stage.keys.session(SID)) > 0


async def test_a_due_session_gets_a_dispose_request_that_nobody_sent(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await idle(stage, worker)
    assert await housekeeper.sweep() == 1
    assert await stage.names(stage.keys.sessions) == []
    assert await stage.redis.xlen(stage.keys.bell) == 1
    session = await worker.claim_one()
    (request,) = session.requests
    assert (request.kind, request.body, request.reply_to) == ("dispose", b'{"reason":"ttl"}', "")
    assert request.request_id.startswith("~"), "no sender may choose such an id"


async def test_a_session_asked_to_dispose_no_longer_expires(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await idle(stage, worker)
    await housekeeper.sweep()
    for key in (stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID)):
        assert await stage.redis.pttl(key) == -1


async def test_while_no_worker_lives_nobody_is_asked_and_the_expiry_stays(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await idle(stage, worker)
    await stage.expire_lease(worker)
    assert await housekeeper.sweep() == 0
    assert (await stage.session())["status"] == "idle"
    for key in (stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID)):
        assert await stage.redis.pttl(key) > 0
    await worker.renew()
    assert await housekeeper.sweep() == 1, "it is still due"


async def test_a_session_that_is_not_due_is_left_alone(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await idle(stage, worker, due=False)
    assert await housekeeper.sweep() == 0
    assert (await stage.session())["status"] == "idle"


async def test_a_session_that_is_no_longer_idle_is_only_taken_off_the_index(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.redis.zadd(stage.keys.sessions, {SID: 1, "support:ghost": 1})
    assert await housekeeper.sweep() == 0
    assert await stage.names(stage.keys.sessions) == []
    assert len(await worker.store.mailbox_of(SID)) == 1
    assert await stage.keys_of("support:ghost") == []


async def test_one_sweep_asks_all_that_are_due_in_small_calls(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper
) -> None:
    count = SWEEP_BATCH + 20
    for number in range(count):
        await stage.push(f"r-{number}", f"c{number}")
    while claimed := (await worker.claim(count)).sessions:
        await worker.commit(*map(finish, claimed))
        for session in claimed:
            await stage.redis.zadd(stage.keys.sessions, {session.sid: 1})
    assert await housekeeper.sweep() == count
    assert await stage.redis.llen(stage.keys.ready) == count


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["session", "mailbox"])
async def test_a_damaged_session_stops_no_sweep(
    stage: Stage, worker: StagedWorker, housekeeper: ShardHousekeeper, name: str
) -> None:
    await idle(stage, worker, "alice")
    await idle(stage, worker, "bob")
    key = getattr(stage.keys, name)(SID)
    await stage.redis.delete(key)
    await stage.redis.set(key, "overwritten")
    assert await housekeeper.sweep() == 1
    assert await stage.names(stage.keys.ready) == ["support:bob"]
    assert await stage.names(stage.keys.sessions) == []
