"""What a claim hands out and what it leaves, whom it wakes, and what a claim that is repeated hands out again."""

import pytest

from tests.store.stage import SID, Stage, StagedWorker, finish
from tests.store.test_damaged import mend, overwrite

WAIT_MS = 60_000


async def last_bell(stage: Stage) -> bytes:
    """Return the id of the newest entry that woke somebody."""
    entries = await stage.redis.xrevrange(stage.keys.bell, count=1)
    return entries[0][0] if entries else b""


async def wait_with_control(stage: Stage, worker: StagedWorker) -> None:
    """Let the head of a session wait for its retry, and control bring the session into the line."""
    await stage.push("r-1")
    await worker.release(await worker.claim_one(), wait_ms=WAIT_MS)
    await stage.push("c-1", kind="notify")
    await worker.claim(0)
    assert (await stage.session())["status"] == "ready"


async def test_a_head_goes_on_waiting_when_the_control_that_woke_its_session_is_gone(
    stage: Stage, worker: StagedWorker
) -> None:
    await wait_with_control(stage, worker)
    await stage.redis.delete(stage.keys.control(SID))
    assert (await worker.claim()).sessions == []
    session = await stage.session()
    assert session["status"] == "delayed"
    assert "control" not in session
    await stage.redis.zadd(stage.keys.delayed, {SID: 1})
    assert [request.request_id for request in (await worker.claim_one()).requests] == ["r-1"]


@pytest.mark.unguarded_keyspace
async def test_a_session_that_is_set_aside_says_so(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await overwrite(stage, "mailbox")
    await worker.claim()
    assert (await stage.session())["status"] == "delayed"


@pytest.mark.parametrize("status", ["idle", "held", "disposing"])
async def test_a_session_that_does_not_wait_joins_no_line_when_its_time_has_come(
    stage: Stage, worker: StagedWorker, status: str
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    if status == "idle":
        await worker.commit(finish(session))
    elif status == "disposing":
        await worker.store.begin_dispose(SID, session.fence, may_call_off=True)
    await stage.redis.zadd(stage.keys.delayed, {SID: 1})
    await worker.claim(0)
    assert await stage.names(stage.keys.ready) == []
    assert (await stage.session())["status"] == status
    await worker.release(session)


async def test_one_answer_holds_few_mebibytes_and_the_rest_waits(stage: Stage) -> None:
    worker = await stage.worker("w9", body_max_bytes=2_000_000)
    for number in range(6):
        await stage.push(f"r-{number}", f"c{number}", body='{"message":"' + "x" * 1_000_000 + '"}')
    first, second = await worker.claim(), await worker.claim()
    assert (len(first.sessions), len(second.sessions)) == (5, 1)


async def test_a_request_larger_than_a_claim_of_one_session_is_claimed_alone(stage: Stage) -> None:
    worker = await stage.worker("w9", body_max_bytes=2_000_000)
    await stage.push("r-1", body='{"message":"' + "x" * 1_500_000 + '"}')
    await stage.push("r-2")
    assert [request.request_id for request in (await worker.claim_one()).requests] == ["r-1"]


async def test_who_admits_and_takes_nothing_wakes_the_next_worker(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    assert await last_bell(stage)


async def test_who_takes_a_part_of_what_waited_wakes_the_next_worker(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim(0)
    before = await last_bell(stage)
    assert len((await worker.claim(1)).sessions) == 1
    assert await last_bell(stage) > before


async def test_what_a_worker_does_not_serve_rings_no_bell(stage: Stage, worker: StagedWorker) -> None:
    await stage.announce("others")
    await stage.push("r-1", swarmName="others")
    await worker.claim(0)
    await stage.push("r-2", "bob")
    before = await last_bell(stage)
    assert len((await worker.claim()).sessions) == 1
    assert await stage.names(stage.keys.ready) == ["others:alice"]
    assert await last_bell(stage) == before, "it would wake itself, again and again"


async def test_who_takes_one_of_many_suspects_wakes_the_next_worker(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim(0)
    await stage.redis.rename(stage.keys.ready, stage.keys.suspects)
    before = await last_bell(stage)
    assert len((await worker.claim()).sessions) == 1
    assert await last_bell(stage) > before


async def test_a_repeated_claim_does_not_hand_out_what_somebody_else_holds(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.reclaim(worker, other)
    taken = await other.claim_one()
    await worker.renew(register=True)
    assert (await worker.store.admit_and_claim(1, 10, 1)).sessions == []
    assert await other.commit(finish(taken)) == ["ok"]


async def test_a_repeated_claim_does_not_hand_out_what_was_committed(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    assert (await worker.store.admit_and_claim(1, 10, 1)).sessions == []


async def test_a_repeated_claim_hands_out_a_disposal_that_has_begun(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", kind="connect")
    session = await worker.claim_one()
    await worker.store.begin_dispose(SID, session.fence, may_call_off=False)
    await stage.reclaim(worker, other)
    taken = await other.claim_one()
    (again,) = (await other.store.admit_and_claim(1, 10, 1)).sessions
    assert (again.sid, again.fence) == (taken.sid, taken.fence)


async def test_a_repeated_claim_tells_again_what_was_counted(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim()
    assert (await worker.store.admit_and_claim(1, 10, 1)).verdicts == {"accepted": 1}


async def test_control_outlives_its_session_when_all_workers_were_away_for_too_long(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.push("c-1", kind="notify")
    await worker.claim(0)
    await stage.redis.delete(stage.keys.session(SID))
    await stage.reclaim(worker, other)
    session = await other.claim_one()
    assert [request.request_id for request in session.control] == ["c-1"]
    assert [request.request_id for request in session.requests] == ["r-1"]


async def test_what_was_taken_from_a_worker_no_longer_names_it(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.reclaim(worker, other)
    assert (await stage.session())["holder"] == ""


@pytest.mark.unguarded_keyspace
async def test_a_damaged_session_of_a_dead_worker_runs_when_it_is_mended(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    sound = await overwrite(stage, "session")
    await stage.reclaim(worker, other)
    assert [sid for sid, _ in (await other.claim()).set_aside] == [SID]
    await mend(stage, "session", sound)
    assert [request.request_id for request in (await other.claim_one()).requests] == ["r-1"]
