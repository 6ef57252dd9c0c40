"""Disposal begins with a step that can't be called off afterwards, and its commit leaves nothing behind."""

import json

import pytest

from tests.store.stage import SID, Ears, Stage, StagedWorker, ended, finish, reply_of
from worker.store.claims import ClaimedSession
from worker.store.commits import Source


async def asked(stage: Stage, worker: StagedWorker) -> ClaimedSession:
    """Return a session with a past, claimed for the dispose request in it."""
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.commit(finish(session, document='{"states":{}}', out=['{"type":"emit"}'], bans=[("calm", True)]))
    await stage.push("d-1", kind="dispose")
    return await worker.claim_one()


async def begin(worker: StagedWorker, session: ClaimedSession, *, by_ttl: bool = False) -> str:
    return await worker.store.begin_dispose(session.sid, session.fence, may_call_off=by_ttl)


async def test_disposal_begins_once_and_the_same_call_again_says_the_same(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    assert [await begin(worker, session), await begin(worker, session)] == ["disposing", "disposing"]
    assert (await stage.session())["status"] == "disposing"


async def test_disposal_by_ttl_is_called_off_when_a_request_came(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    await stage.push("r-2")
    await worker.claim(0)
    assert await begin(worker, session, by_ttl=True) == "called_off"
    assert (await stage.session())["status"] == "held"
    assert await begin(worker, session) == "disposing", "disposal by request is never called off"


async def test_disposal_by_ttl_is_called_off_when_control_came(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    await stage.push("c-1", kind="notify")
    await worker.claim(0)
    assert await begin(worker, session, by_ttl=True) == "called_off"


async def test_what_has_begun_is_not_called_off(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    assert await begin(worker, session, by_ttl=True) == "disposing"
    await stage.push("r-2")
    await worker.claim(0)
    assert await begin(worker, session, by_ttl=True) == "disposing"


async def test_a_late_worker_begins_nothing(stage: Stage, worker: StagedWorker, other: StagedWorker) -> None:
    session = await asked(stage, worker)
    await stage.reclaim(worker, other)
    assert await begin(worker, session) == "fenced"
    await worker.renew(register=True)
    assert await begin(worker, session) == "fenced"
    assert "disposing" not in await stage.session()


async def test_without_a_lease_nothing_begins(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    await stage.redis.zrem(stage.keys.workers, "w1")
    assert await begin(worker, session) == "fenced"
    await stage.redis.zadd(stage.keys.workers, {"w1": 1})


async def test_the_successor_of_a_dead_worker_goes_on_with_the_disposal(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    session = await asked(stage, worker)
    await begin(worker, session)
    await stage.reclaim(worker, other)
    again = await other.claim_one()
    assert (await stage.session())["status"] == "disposing"
    assert await begin(other, again, by_ttl=True) == "disposing"
    assert await other.commit(finish(again, dispose=True)) == ["ok"]
    assert await stage.keys_of() == [stage.keys.banned(SID)]


async def test_disposal_leaves_no_key_but_the_bans(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    session = await asked(stage, worker)
    await begin(worker, session)
    await worker.commit(finish(session, dispose=True, journaled=True))
    assert await stage.keys_of() == [stage.keys.banned(SID)]
    for index in (stage.keys.sessions, stage.keys.ready, stage.keys.held("w1")):
        assert await stage.names(index) == []
    reply = await stage.result("d-1")
    assert json.loads((await ears.heard())[-1][1]) == reply, "the outbox is gone, so the reply is on the channels"
    assert reply["seq"] > 0


async def test_what_came_meanwhile_opens_a_fresh_session(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    await begin(worker, session)
    await stage.push("r-2")
    await stage.push("c-1", kind="notify")
    await worker.claim(0)
    await worker.commit(finish(session, dispose=True))
    assert await stage.session() == {"status": "ready", "control": "1"}
    fresh = await worker.claim_one()
    assert (fresh.turn, fresh.stored.document, fresh.stored.history) == (0, b"", [])
    assert [request.request_id for request in (*fresh.control, *fresh.requests)] == ["c-1", "r-2"]


async def test_seq_grows_over_a_disposal(stage: Stage, worker: StagedWorker) -> None:
    session = await asked(stage, worker)
    await worker.commit(finish(session, dispose=True))
    await stage.push("r-2")
    await worker.commit(finish(await worker.claim_one()))
    assert (await stage.result("r-2"))["seq"] > (await stage.result("d-1"))["seq"] > (await stage.result("r-1"))["seq"]


async def test_a_forced_disposal_ends_everything_that_waits(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await stage.push("d-1", kind="dispose", force="1")
    await worker.claim(0)
    assert await begin(worker, session) == "disposing"
    cancelled = [ended(i, reply_of(i, status="cancelled"), "", sequenced=True) for i in ("r-1", "r-2")]
    requests = [ended("d-1", reply_of("d-1"), "", sequenced=True)]
    first = finish(session, requests=cancelled, release=False)
    last = finish(session, source=Source.CONTROL, requests=requests, dispose=True, release=True)
    assert await worker.commit(first, last) == ["ok", "ok"]
    assert await stage.keys_of() == []
    assert (await stage.result("r-2"))["status"] == "cancelled"


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["session", "mailbox"])
async def test_a_damaged_session_is_not_disposed(stage: Stage, worker: StagedWorker, name: str) -> None:
    session = await asked(stage, worker)
    key = getattr(stage.keys, name)(SID)
    await stage.redis.delete(key)
    await stage.redis.set(key, "overwritten")
    assert await begin(worker, session, by_ttl=True) == "fenced"
    assert await stage.redis.get(key) == b"overwritten"


async def test_who_gave_a_session_back_can_not_begin_its_disposal(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.release(session)
    assert await worker.store.begin_dispose(SID, session.fence, may_call_off=False) == "fenced"
