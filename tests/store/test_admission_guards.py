"""Lines of the admission that nothing else would miss: each was taken out once, and nobody noticed."""

from typing import Any

import pytest

from schemas.keyspace import ADMISSION_GROUP
from tests.store.stage import SID, Ears, Stage, StagedWorker, finish
from worker.store.shard import BITE

WAIT_MS = 60_000
#: every field that a sender may leave out, and some value of it
OPTIONAL = {
    "whenBusy": "coalesce",
    "force": "1",
    "replyTo": "swarmline:{0}:reply:me",
    "deadlineMs": "99999999999999",
    "sentAtMs": "1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
}


async def test_a_request_that_is_under_way_keeps_its_marker_when_it_is_sent_again_and_turned_away(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1", whenBusy="reject")
    session = await worker.claim_one()
    await stage.push("r-1", whenBusy="reject")
    assert (await worker.claim()).verdicts == {"deduplicated": 1}
    assert (await stage.result("r-1"))["status"] == "accepted"
    assert await ears.heard() == []
    assert await worker.commit(finish(session)) == ["ok"]


async def test_a_session_that_waits_for_its_retry_is_busy(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.release(await worker.claim_one(), wait_ms=WAIT_MS)
    await stage.push("r-2", whenBusy="reject")
    assert (await worker.claim()).verdicts == {"rejected:busy": 1}


async def test_a_holder_is_told_of_every_session_that_has_control(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim()
    await stage.push("c-1", "alice", "notify")
    await stage.push("c-2", "bob", "notify")
    await other.claim()
    assert worker.renew().hints == ["support:alice", "support:bob"]


@pytest.mark.unguarded_keyspace
async def test_the_sender_of_control_is_told_that_the_session_is_damaged(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.redis.set(stage.keys.control(SID), "somebody's")
    await stage.push("c-1", kind="notify")
    assert (await worker.claim()).verdicts == {"dead:malformed": 1}
    assert (await stage.result("c-1"))["error"]["code"] == "bad_request"
    assert "control" not in await stage.session(), "nothing waits there"
    assert await worker.commit(finish(session)) == ["ok"]


@pytest.mark.unguarded_keyspace
async def test_what_admission_did_not_expect_costs_that_entry_and_no_other(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.redis.set(stage.keys.mailbox(SID), "somebody's")
    await stage.push("r-2", whenBusy="interrupt")
    await stage.push("r-3", "bob")
    claim = await worker.claim()
    assert [session.client_id for session in claim.sessions] == ["bob"]
    (letter,) = await stage.dead()
    assert (letter["reason"], letter["orig.requestId"]) == ("malformed", "r-2")


async def test_what_waited_in_a_session_that_somebody_deleted_comes_first(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim(0)
    await stage.redis.delete(stage.keys.session(SID), stage.keys.ready)
    await stage.push("r-2")
    assert [request.request_id for request in (await worker.claim_one()).requests] == ["r-1", "r-2"]


async def test_the_lag_is_known_as_soon_as_a_lost_group_is_made_anew(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim()
    await stage.push_all([f"r-{number}" for number in range(2, BITE + 4)])
    await stage.redis.xgroup_destroy(stage.keys.requests, ADMISSION_GROUP)
    assert (await worker.claim(0)).admitted == BITE
    groups = {group["name"]: group["lag"] for group in await stage.redis.xinfo_groups(stage.keys.requests)}
    assert groups[ADMISSION_GROUP.encode()] == 2


async def test_the_optional_fields_of_one_entry_are_not_those_of_the_next(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "alice", **OPTIONAL)
    await stage.push("r-2", "bob")
    first, second = (session.requests[0] for session in (await worker.claim()).sessions)
    assert (first.when_busy, first.force, first.tracestate) == ("coalesce", True, "a=b")
    assert (second.when_busy, second.force, second.reply_to, second.deadline_ms) == ("", False, "", None)
    assert (second.sent_at_ms, second.traceparent, second.tracestate) == (None, "", "")


async def test_a_body_is_not_that_of_the_entry_before(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "alice", body='{"message":"secret"}')
    await stage.push("r-2", "bob", body=None)
    assert [session.requests[0].body for session in (await worker.claim()).sessions] == [b'{"message":"secret"}', b"{}"]


@pytest.mark.parametrize("missing", ["v", "requestId", "clientId", "swarmName", "kind"])
async def test_what_an_entry_lacks_is_not_taken_from_the_one_before(
    stage: Stage, worker: StagedWorker, missing: str
) -> None:
    await stage.push("r-1")
    fields: dict[str, Any] = {"requestId": "r-2", missing: None}
    await stage.push("", **fields)
    claim = await worker.claim()
    assert claim.verdicts["accepted"] == 1
    assert claim.verdicts["dead:malformed"] == 1
