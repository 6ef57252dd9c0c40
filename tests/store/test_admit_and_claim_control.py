"""Requests that must not wait behind the running turn go to the control list, and the holder is told."""

import json

import pytest

from tests.store.stage import SID, Ears, Stage, StagedWorker, finish
from worker.store.commits import HandBack, Source

CONTROL = [("emit", {}), ("notify", {}), ("ban", {}), ("unban", {}), ("cancel-output", {}), ("dispose", {"force": "1"})]
OPENING = ["execute", "run", "connect", "complete", "commit-user-message", "commit-system-message", "change-agent"]
OPENING += ["commit-developer-message", "commit-assistant-message", "commit-tool-output", "commit-tool-request"]
OPENING += ["commit-flush", "commit-stop-tools", "change-to-default-agent", "change-to-prev-agent"]
VOID = [("event", {}), ("dispose", {}), ("dispose", {"force": "1"}), ("cancel-output", {})]


@pytest.mark.parametrize(("kind", "fields"), CONTROL)
async def test_control_for_a_held_session_is_listed_and_its_holder_hinted_at(
    stage: Stage, worker: StagedWorker, other: StagedWorker, ears: Ears, kind: str, fields: dict[str, str]
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.push("c-1", kind=kind, **fields)
    assert (await other.claim()).verdicts == {"accepted": 1}
    assert [request.kind for request in await worker.store.control_of(SID)] == [kind]
    assert await ears.heard() == [(stage.keys.worker_channel("w1"), SID)]
    assert (await worker.renew()).hints == [SID], "a lost publish loses no hint"
    assert (await worker.renew()).hints == [], "a hint is given once"


async def test_a_holder_is_told_of_every_session_that_has_control(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim()
    await stage.push("c-1", "alice", "notify")
    await stage.push("c-2", "bob", "notify")
    await other.claim()
    assert (await worker.renew()).hints == ["support:alice", "support:bob"]


async def test_the_answers_of_commit_and_flush_bring_hints_as_well(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await stage.push("r-2", "bob")
    alice, bob = (await worker.claim()).sessions
    await stage.push("c-1", kind="notify")
    await other.claim()
    assert (await worker.store.commit(1, [finish(bob)])).hints == [SID]
    await stage.push("c-2", kind="notify")
    await other.claim()
    assert (await worker.store.flush(1, [])).hints == [SID]
    assert (await worker.store.release(1, [HandBack(alice.sid, alice.fence)])).hints == []


@pytest.mark.parametrize("kind", ["emit", "notify", "ban", "unban", "cancel-output"])
async def test_control_wakes_an_idle_session(stage: Stage, worker: StagedWorker, kind: str) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("c-1", kind=kind)
    session = await worker.claim_one()
    assert ([request.request_id for request in session.control], session.requests) == (["c-1"], [])
    assert session.attempts == 0, "only the head of the mailbox is charged"
    assert await worker.commit(finish(session, source=Source.CONTROL, opens=False, records=[])) == ["ok"]
    assert (await stage.session())["status"] == "idle"


async def test_control_is_handed_out_before_the_mailbox(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    assert [request.request_id for request in (*session.control, *session.requests)] == ["c-1", "r-1"]


@pytest.mark.parametrize("kind", ["emit", "notify", "ban", "unban"])
async def test_control_on_no_session_is_carried_out_and_leaves_no_session(
    stage: Stage, worker: StagedWorker, kind: str
) -> None:
    await stage.push("c-1", kind=kind)
    session = await worker.claim_one()
    bans = [("calm", True)] if kind == "ban" else []
    await worker.commit(finish(session, source=Source.CONTROL, opens=False, records=[], bans=bans))
    assert await stage.keys_of() == ([stage.keys.banned(SID)] if bans else [])
    assert await stage.names(stage.keys.sessions) == []


@pytest.mark.parametrize(("kind", "fields"), VOID)
async def test_void_kinds_on_no_session_complete_at_once_and_leave_no_key(
    stage: Stage, worker: StagedWorker, ears: Ears, kind: str, fields: dict[str, str]
) -> None:
    await stage.push("r-1", kind=kind, **fields)
    await stage.push("r-1", kind=kind, **fields)
    claim = await worker.claim()
    assert (claim.verdicts, claim.sessions) == ({"accepted": 1, "deduplicated": 1}, [])
    result = await stage.result("r-1")
    assert (result["status"], result["output"], result["error"]) == ("completed", "", None)
    assert await ears.heard() == [(stage.keys.client_channel(SID), json.dumps(result, separators=(",", ":")))]
    assert await stage.keys_of() == []


@pytest.mark.parametrize("kind", OPENING)
async def test_opening_kinds_open_a_session_that_is_not_there(stage: Stage, worker: StagedWorker, kind: str) -> None:
    await stage.push("r-1", kind=kind)
    assert [request.kind for request in (await worker.claim_one()).requests] == [kind]


@pytest.mark.parametrize(("kind", "fields"), [("event", {}), ("dispose", {}), ("dispose", {"force": "0"})])
async def test_void_kinds_wait_in_the_mailbox_of_a_session_that_is_there(
    stage: Stage, worker: StagedWorker, kind: str, fields: dict[str, str]
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.push("r-2", kind=kind, **fields)
    await worker.claim()
    assert [request.request_id for request in await worker.store.mailbox_of(SID)] == ["r-1", "r-2"]


async def test_control_that_came_during_the_last_turn_is_left_to_the_next_claim(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.push("c-1", kind="notify")
    await worker.claim()
    await worker.commit(finish(session))
    assert (await stage.session())["status"] == "ready"
    again = await worker.claim_one()
    assert [request.request_id for request in again.control] == ["c-1"]
    await worker.commit(finish(again, source=Source.CONTROL, opens=False))
    assert "control" not in await stage.session()
    assert (await stage.session())["status"] == "idle"
