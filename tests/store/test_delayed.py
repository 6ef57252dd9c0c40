"""A head that waits for its retry: it keeps its place and its due time, and holds up nothing but its session."""

import pytest

from tests.store.stage import SID, Stage, StagedWorker, ended, finish, reply_of
from worker.core.request import AdmittedRequest
from worker.store.claims import ClaimedSession
from worker.store.commits import LiveOutput, Source

WAIT_MS = 60_000


async def delay(stage: Stage, worker: StagedWorker) -> ClaimedSession:
    """Let the head of alice wait for its retry; return how it was claimed."""
    session = await worker.claim_one()
    assert await worker.release(session, wait_ms=WAIT_MS) == ["ok"]
    assert (await stage.session())["status"] == "delayed"
    return session


async def come_due(stage: Stage) -> None:
    await stage.redis.zadd(stage.keys.delayed, {SID: 1}, xx=True)


def ids(requests: list[AdmittedRequest]) -> list[str]:
    return [request.request_id for request in requests]


async def test_it_is_due_after_its_time_and_not_before(stage: Stage, worker: StagedWorker, other: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await delay(stage, worker)
    seconds, micros = await stage.redis.time()
    due_in_ms = await stage.redis.zscore(stage.keys.delayed, SID) - (seconds * 1000 + micros // 1000)
    assert WAIT_MS - 5000 < due_in_ms <= WAIT_MS
    assert await stage.names(stage.keys.ready) == await stage.names(stage.keys.held("w1")) == []
    await stage.push("r-3")
    assert (await other.claim()).sessions == []
    await come_due(stage)
    again = await other.claim_one()
    assert ids(again.requests) == ["r-1", "r-2", "r-3"], "the session keeps its order"
    assert (again.attempts, again.stored.retries, again.stored.handbacks) == (1, 1, 0), (
        "a retry is no attempt of a worker that died"
    )
    assert again.fence != session.fence


async def test_the_retry_finds_the_journal(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.flush(LiveOutput(session.sid, session.fence, [], [], {"r-1/step/1": "paid"}))
    await worker.release(session, wait_ms=WAIT_MS)
    await come_due(stage)
    assert (await worker.claim_one()).stored.journal == {"r-1/step/1": "paid"}


async def test_the_next_head_was_never_retried(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    await delay(stage, worker)
    await come_due(stage)
    await worker.commit(finish(await worker.claim_one(), 0, journaled=True, release=True))
    session = await worker.claim_one()
    await worker.release(session)
    again = await worker.claim_one()
    assert (ids(again.requests), again.stored.retries, again.stored.handbacks) == (["r-2"], 0, 1)


async def test_control_reaches_the_session_and_leaves_the_head_alone(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push_all(["r-1", "r-2"])
    await delay(stage, worker)
    due = await stage.redis.zscore(stage.keys.delayed, SID)
    for number in range(2):
        await stage.push(f"c-{number}", kind="notify")
        session = await other.claim_one()
        assert (ids(session.control), session.requests) == ([f"c-{number}"], [])
        assert await other.commit(finish(session, source=Source.CONTROL, opens=False, records=[])) == ["ok"]
        assert (await stage.session())["status"] == "delayed"
        assert await stage.redis.zscore(stage.keys.delayed, SID) == due
        assert await stage.names(stage.keys.ready) == []
    await come_due(stage)
    again = await other.claim_one()
    assert (ids(again.requests), again.stored.retries) == (["r-1", "r-2"], 1)


async def test_a_head_that_comes_due_while_control_is_applied_runs_afterwards(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await delay(stage, worker)
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    await come_due(stage)
    assert (await worker.claim()).sessions == []
    await worker.commit(finish(session, source=Source.CONTROL, opens=False, records=[]))
    assert ids((await worker.claim_one()).requests) == ["r-1"]


@pytest.mark.parametrize("ends", ["release", "reclaim"])
async def test_a_holder_for_control_alone_that_stops_or_dies_changes_nothing(
    stage: Stage, worker: StagedWorker, other: StagedWorker, ends: str
) -> None:
    await stage.push("r-1")
    await delay(stage, worker)
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    if ends == "release":
        await worker.release(session)
    else:
        await stage.reclaim(worker, other)
    again = await other.claim_one()
    assert (ids(again.control), again.requests) == (["c-1"], [])
    await other.commit(finish(again, source=Source.CONTROL, opens=False, records=[]))
    await come_due(stage)
    due = await other.claim_one()
    assert (ids(due.requests), due.attempts, due.stored.retries, due.is_suspect) == (["r-1"], 1, 1, False)


async def test_who_dies_in_a_retry_is_charged_for_it(stage: Stage, worker: StagedWorker, other: StagedWorker) -> None:
    await stage.push("r-1")
    await delay(stage, worker)
    await come_due(stage)
    await worker.claim_one()
    await stage.reclaim(worker, other)
    again = await other.claim_one()
    assert (again.attempts, again.stored.retries) == (2, 1)
    await other.release(again, wait_ms=WAIT_MS)
    await come_due(stage)
    assert (await other.claim_one()).attempts == 2


async def test_a_disposal_leaves_no_trace_of_the_wait(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", kind="connect")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    await delay(stage, worker)
    await stage.push("d-1", kind="dispose", force="1")
    session = await worker.claim_one()
    (head,) = await worker.store.mailbox_of(SID)
    cancelled = ended(head.request_id, reply_of("r-2", status="cancelled"), "", sequenced=False)
    waiting = finish(session, requests=[cancelled], release=False)
    end = finish(session, source=Source.CONTROL, dispose=True, records=[])
    assert await worker.commit(waiting, end) == ["ok", "ok"]
    assert await stage.keys_of() == []
    assert await stage.names(stage.keys.delayed) == []


async def test_a_retry_is_called_off_by_the_commit_that_ends_the_head(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    await delay(stage, worker)
    await stage.push("c-1", kind="cancel-output")
    session = await worker.claim_one()
    assert session.stored.retries == 1, "the holder for control alone knows that the head waits for its retry"
    cancelled = ended("r-1", reply_of("r-1", status="cancelled"), "", sequenced=False)
    control = finish(session, source=Source.CONTROL, opens=False, records=[], wakes=True)
    head = finish(session, requests=[cancelled], opens=False, records=[], release=False, journaled=True)
    assert await worker.commit(head, control) == ["ok", "ok"]
    assert await stage.names(stage.keys.delayed) == []
    again = await worker.claim_one()
    assert (ids(again.requests), again.stored.retries) == (["r-2"], 0)


async def test_a_session_that_waits_is_not_swept(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", kind="connect")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    await delay(stage, worker)
    assert await stage.names(stage.keys.sessions) == []
    assert await stage.redis.ttl(stage.keys.session(SID)) == -1


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
