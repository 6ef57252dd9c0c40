"""A session of which somebody overwrote or took away a key: it stops nobody, and goes on as soon as it is mended."""

import pytest

from tests.store.stage import SID, Stage, StagedWorker, finish
from worker.store.commits import Source

DAMAGED = ["session", "mailbox", "control", "history", "journal", "banned", "outbox"]

pytestmark = pytest.mark.unguarded_keyspace


async def overwrite(stage: Stage, name: str) -> bytes | None:
    """Put a text into the place of a key of the session; return what it held."""
    key = getattr(stage.keys, name)(SID)
    sound = await stage.redis.dump(key)
    await stage.redis.delete(key)
    await stage.redis.set(key, "overwritten")
    return sound


async def mend(stage: Stage, name: str, sound: bytes | None) -> None:
    """Put back what a key held, and let the minute be over after which the session is tried again."""
    key = getattr(stage.keys, name)(SID)
    await stage.redis.delete(key)
    if sound:
        await stage.redis.restore(key, 0, sound)
    await stage.redis.zadd(stage.keys.delayed, {SID: 1})


@pytest.mark.parametrize("name", DAMAGED)
async def test_a_damaged_session_is_set_aside_until_it_is_mended_and_hurts_no_other(
    stage: Stage, worker: StagedWorker, other: StagedWorker, name: str
) -> None:
    for round_number in (1, 2):
        await stage.push(f"a-{round_number}", "alice")
        await stage.push(f"b-{round_number}", "bob")
        if round_number == 1:
            await worker.commit(*map(finish, (await worker.claim()).sessions))
    await stage.push("c-1", "alice", kind="notify")
    await worker.claim()
    await stage.reclaim(worker, other)
    sound = await overwrite(stage, name)
    await stage.push("r-3", "carol")
    claim = await other.claim()
    assert {session.client_id for session in claim.sessions} == {"bob", "carol"}
    assert claim.set_aside == [(SID, getattr(stage.keys, name)(SID))], "an operator learns which key it is"
    assert await stage.names(stage.keys.delayed) == [SID], "it is tried again later: somebody may mend it"

    await mend(stage, name, sound)
    session = await other.claim_one()
    assert [request.request_id for request in (*session.control, *session.requests)] == ["c-1", "a-2"]
    assert await stage.names(stage.keys.delayed) == []


async def test_a_damaged_session_that_is_restored_as_held_runs_again(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    sound = await stage.redis.dump(stage.keys.session(SID))
    await worker.release(session)
    await overwrite(stage, "session")
    assert (await worker.claim()).sessions == []
    await mend(stage, "session", sound)
    assert (await worker.claim_one()).requests == session.requests


async def test_a_session_whose_key_is_deleted_opens_afresh_with_what_waits(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await overwrite(stage, "session")
    assert (await worker.claim()).sessions == []
    await mend(stage, "session", None)
    assert [request.request_id for request in (await worker.claim_one()).requests] == ["r-1"]


async def test_what_waited_in_a_session_that_somebody_deleted_comes_first(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await stage.redis.delete(stage.keys.session(SID), stage.keys.ready)
    await stage.push("r-2")
    assert [request.request_id for request in (await worker.claim_one()).requests] == ["r-1", "r-2"]


async def test_one_that_comes_due_again_and_again_is_set_aside_each_time(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await overwrite(stage, "session")
    for _ in range(3):
        assert [sid for sid, _ in (await worker.claim()).set_aside] == [SID]
        await stage.redis.zadd(stage.keys.delayed, {SID: 1}, xx=True)


@pytest.mark.parametrize("name", ["history", "outbox"])
async def test_what_its_commit_alone_found_out_the_next_claim_finds_before_the_turn_runs(
    stage: Stage, worker: StagedWorker, name: str
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await overwrite(stage, name)
    assert await worker.commit(finish(session)) == ["wrong_type"]
    await worker.release(session)
    assert [sid for sid, _ in (await worker.claim()).set_aside] == [SID]
    await mend(stage, name, None)
    assert await worker.commit(finish(await worker.claim_one())) == ["ok"]
    assert (await stage.result("r-1"))["status"] == "completed"


async def test_a_session_whose_waiting_requests_were_taken_away_goes_idle(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    await stage.push("c-1", kind="notify")
    await worker.claim(0)
    await stage.redis.delete(stage.keys.mailbox(SID), stage.keys.control(SID))
    assert (await worker.claim()).sessions == []
    assert (await stage.session())["status"] == "idle"
    assert await stage.names(stage.keys.sessions) == [SID]
    assert await stage.redis.pttl(stage.keys.history(SID)) > 0, "as of every idle session"
    await stage.push("c-2", kind="notify")
    session = await worker.claim_one()
    assert await worker.commit(finish(session, source=Source.CONTROL, opens=False, records=[])) == ["ok"]


async def test_a_fresh_session_whose_waiting_requests_were_taken_away_leaves_nothing(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await stage.redis.delete(stage.keys.mailbox(SID))
    assert (await worker.claim()).sessions == []
    assert await stage.keys_of() == []
