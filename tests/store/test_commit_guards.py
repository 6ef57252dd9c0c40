"""Lines of release, renewal and commit that nothing else would miss: each was taken out once, and nobody noticed."""

import pytest

from tests.store.stage import SID, Stage, StagedWorker, finish, reply_of
from worker.store.commits import EndedRequest, Source

WAIT_MS = 60_000


async def test_who_begins_a_lease_anew_has_no_row_of_renewals_yet(stage: Stage, worker: StagedWorker) -> None:
    await stage.age(worker)
    await stage.redis.zrem(stage.keys.workers, "w1")
    worker.renew(register=True)
    assert int(await stage.redis.hget(stage.keys.ops("w1"), "since") or 0) > 1


async def test_renewals_take_off_the_expiry_of_what_is_held_once_a_minute(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    session = await worker.claim_one()
    seconds, _ = await stage.redis.time()
    await stage.redis.hset(stage.keys.ops("w1"), "persisted", (seconds - 30) * 1000)
    worker.renew()
    assert await stage.redis.pttl(stage.keys.session(SID)) > 0
    await stage.redis.hset(stage.keys.ops("w1"), "persisted", (seconds - 61) * 1000)
    worker.renew()
    assert await stage.redis.pttl(stage.keys.session(SID)) == -1
    await worker.commit(finish(session))


async def test_who_gave_a_session_back_can_not_begin_its_disposal(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.release(session)
    assert await worker.store.begin_dispose(SID, session.fence, may_call_off=False) == "fenced"


async def test_a_head_goes_on_waiting_when_its_session_is_given_back_after_its_control(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.release(await worker.claim_one(), wait_ms=WAIT_MS)
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    item = finish(session, source=Source.CONTROL, opens=False, records=[], release=False)
    assert await worker.commit(item) == ["ok"]
    assert await worker.release(session) == ["ok"]
    assert (await stage.session())["status"] == "delayed"
    assert await stage.names(stage.keys.ready) == []


@pytest.mark.unguarded_keyspace
async def test_no_reply_of_many_is_written_when_the_outbox_is_damaged(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await stage.redis.set(stage.keys.outbox(SID), "somebody's")
    ended = [
        EndedRequest("r-1", reply_of("r-1"), "", sequenced=False),
        EndedRequest("r-2", reply_of("r-2"), "", sequenced=True),
    ]
    assert await worker.commit(finish(session, requests=ended, release=True)) == ["wrong_type"]
    assert (await stage.result("r-1"))["status"] == "accepted"
    assert await stage.redis.pttl(stage.keys.result("r-1")) == -1


@pytest.mark.unguarded_keyspace
async def test_control_of_a_session_whose_mailbox_is_damaged_is_not_committed(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    await stage.redis.set(stage.keys.mailbox(SID), "somebody's")
    item = finish(session, source=Source.CONTROL, opens=False, records=[])
    assert await worker.commit(item) == ["wrong_type"]
    assert [request.request_id for request in await worker.store.control_of(SID)] == ["c-1"]
    assert await stage.names(stage.keys.held("w1")) == [SID]


async def test_control_beside_a_turn_takes_no_attempt_off_its_head(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.push("c-1", kind="notify")
    await worker.claim(0)
    await stage.reclaim(worker, other)
    session = await other.claim_one()
    assert session.attempts == 2
    item = finish(session, source=Source.CONTROL, opens=False, records=[], release=False)
    assert await other.commit(item) == ["ok"]
    assert (await stage.session())["attempts"] == "2", "a request that kills workers would never be found out"


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["history", "outbox"])
async def test_a_turn_is_not_committed_after_one_that_could_not_be_written(
    stage: Stage, worker: StagedWorker, name: str
) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await stage.redis.set(getattr(stage.keys, name)(SID), "somebody's")
    ended = [EndedRequest("r-2", '{"seq":null}', "", sequenced=False)]
    second = finish(session, 1, requests=ended, opens=False, records=[])
    assert await worker.commit(finish(session, 0), second) == ["wrong_type", "fenced"]
    assert [request.request_id for request in await worker.store.mailbox_of(SID)] == ["r-1", "r-2"]
