"""A session whose head waits: set aside by a release, left alone by other control, woken by what it waits for."""

from dataclasses import replace

import pytest

from tests.store.stage import SID, Stage, StagedWorker, finish
from worker.store.claims import ClaimedSession
from worker.store.commits import HandBack, LiveOutput, Source

HOUR_MS = 3_600_000


async def park(stage: Stage, worker: StagedWorker, request_id: str = "r-1") -> None:
    await stage.push(request_id)
    session = await worker.claim_one()
    await worker.flush(LiveOutput(session.sid, session.fence, [], [], {f"{request_id}/question/1": "17"}))
    parked = HandBack(session.sid, session.fence, wait_ms=HOUR_MS, is_parked=True)
    assert (await worker.store.release(worker.next("release"), [parked])).statuses == ["ok"]


async def control_claim(stage: Stage, worker: StagedWorker, kind: str) -> ClaimedSession:
    await stage.push("c-1", kind=kind)
    session = await worker.claim_one()
    assert ([request.kind for request in session.control], session.requests) == ([kind], [])
    return session


async def test_it_waits_and_no_attempt_is_charged(stage: Stage, worker: StagedWorker) -> None:
    await park(stage, worker)
    found = await stage.session()
    assert (found["status"], found["attempts"], found["handbacks"]) == ("delayed", "0", "1")
    assert "retries" not in found
    assert (await worker.claim()).sessions == []
    await stage.redis.zadd(stage.keys.delayed, {SID: 1})
    session = await worker.claim_one()
    assert (session.attempts, session.stored.retries, session.stored.journal) == (1, 0, {"r-1/question/1": "17"})


async def test_control_comes_with_the_journal_of_the_head_and_leaves_it_waiting(
    stage: Stage, worker: StagedWorker
) -> None:
    await park(stage, worker)
    session = await control_claim(stage, worker, "notify")
    assert session.stored.journal == {"r-1/question/1": "17"}
    await worker.commit(finish(session, source=Source.CONTROL, opens=False, records=[]))
    assert (await stage.session())["status"] == "delayed"
    assert (await worker.claim()).sessions == []
    assert await stage.redis.hgetall(stage.keys.journal(SID))


async def test_what_it_waits_for_wakes_it_and_the_next_claim_knows_all(stage: Stage, worker: StagedWorker) -> None:
    await park(stage, worker)
    session = await control_claim(stage, worker, "operator-answer")
    document = '{"resolved":{}}'
    changes = {"wakes": True, "document": document, "opens": False, "records": []}
    await worker.commit(finish(session, source=Source.CONTROL, **changes))
    assert (await stage.session())["status"] == "ready"
    assert await stage.names(stage.keys.delayed) == []
    again = await worker.claim_one()
    assert ([request.request_id for request in again.requests], again.attempts) == (["r-1"], 1)
    assert (again.stored.document.decode(), again.stored.journal) == (document, {"r-1/question/1": "17"})
    assert again.kept is None


async def test_what_it_waits_for_is_taken_up_when_its_holder_dies(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await park(stage, worker)
    await control_claim(stage, worker, "operator-answer")
    await stage.reclaim(worker, other)
    session = await other.claim_one()
    assert ([request.kind for request in session.control], session.requests) == (["operator-answer"], [])


async def test_an_answer_needs_a_session(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("c-1", kind="operator-answer")
    assert (await worker.claim()).sessions == []
    assert (await stage.result("c-1"))["status"] == "completed"
    assert await stage.keys_of() == []


@pytest.mark.parametrize("when_busy", ["interrupt", "rollback"])
async def test_a_parked_turn_is_signalled_like_a_running_one(
    stage: Stage, worker: StagedWorker, when_busy: str
) -> None:
    await park(stage, worker)
    await stage.push("r-2", whenBusy=when_busy)
    session = await worker.claim_one()
    (signal,) = session.control
    assert (signal.kind, signal.body, session.requests) == (when_busy, b"r-1", [])


async def test_disposal_forgets_that_it_waited(stage: Stage, worker: StagedWorker) -> None:
    await park(stage, worker)
    await stage.push("c-1", kind="dispose", force="1")
    session = await worker.claim_one()
    head = (await worker.store.mailbox_of(SID))[0]
    cancelled = finish(replace(session, requests=[head]), release=False)
    await worker.commit(cancelled, finish(session, source=Source.CONTROL, dispose=True))
    assert await stage.keys_of() == []
    assert await stage.names(stage.keys.delayed) == []
