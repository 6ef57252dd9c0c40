"""Admit and claim: entries move into mailboxes in the order of the stream, and sessions to one worker each."""

import pytest

from tests.store.stage import LEASE_MS, SID, Ears, Stage, StagedWorker, finish
from worker.store.claims import NoLease

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


async def test_a_new_request_opens_a_session_and_is_claimed_in_one_call(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", replyTo=stage.keys.reply_channel("me"), deadlineMs="9999999999999", sentAtMs="5")
    claim = await worker.claim()
    assert (claim.admitted, claim.verdicts) == (1, {"accepted": 1})
    (session,) = claim.sessions
    assert (session.sid, session.swarm_name, session.client_id) == (SID, "support", "alice")
    assert (session.turn, session.attempts, session.stored.document, session.stored.history, session.control) == (
        0,
        1,
        b"",
        [],
        [],
    )
    (request,) = session.requests
    assert (request.request_id, request.kind, request.body) == ("r-1", "execute", b'{"message":"Hello"}')
    assert (request.reply_to, request.deadline_ms, request.sent_at_ms) == ("swarmline:{0}:reply:me", 9999999999999, 5)
    assert request.accepted_at_ms == claim.now_ms
    found = await stage.session()
    assert (found["status"], found["holder"], found["fence"]) == ("held", "w1", session.fence)
    assert await stage.names(stage.keys.held("w1")) == [SID]


async def test_what_is_admitted_has_a_marker_that_does_not_expire(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", 'al"ice')
    await worker.claim()
    marker = {"v": 1, "requestId": "r-1", "clientId": 'al"ice', "swarmName": "support", "status": "accepted"}
    assert await stage.result("r-1") == marker
    assert await stage.redis.pttl(stage.keys.result("r-1")) == -1


async def test_requests_wait_in_the_order_of_the_stream(stage: Stage, worker: StagedWorker) -> None:
    for number in range(5):
        await stage.push(f"a-{number}", "alice")
        await stage.push(f"b-{number}", "bob")
    sessions = (await worker.claim()).sessions
    assert [[request.request_id for request in session.requests] for session in sessions] == [
        [f"a-{number}" for number in range(5)],
        [f"b-{number}" for number in range(5)],
    ]


async def test_a_full_worker_admits_and_leaves_the_sessions_to_others(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    claim = await worker.claim(0)
    assert (claim.admitted, claim.sessions) == (1, [])
    assert await stage.names(stage.keys.ready) == [SID]
    assert (await other.claim_one()).requests[0].request_id == "r-1"


async def test_no_more_sessions_are_claimed_than_there_are_free_slots(stage: Stage, worker: StagedWorker) -> None:
    for client_id in "abcde":
        await stage.push(f"r-{client_id}", client_id)
    assert [session.client_id for session in (await worker.claim(2)).sessions] == ["a", "b"]
    assert await stage.names(stage.keys.ready) == ["support:c", "support:d", "support:e"]
    assert [session.client_id for session in (await worker.claim(2)).sessions] == ["c", "d"]


async def test_a_session_that_waited_is_claimed_before_one_that_comes_now(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "first")
    await worker.claim(0)
    await stage.push("r-2", "second")
    assert [session.client_id for session in (await worker.claim(1)).sessions] == ["first"]
    assert await stage.names(stage.keys.ready) == ["support:second"]


async def test_a_claim_that_leaves_sessions_rings_the_bell_for_the_next_worker(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1", "alice")
    await worker.claim()
    assert await stage.redis.xlen(stage.keys.bell) == 0
    await stage.push("r-2", "bob")
    await stage.push("r-3", "carol")
    await worker.claim(1)
    assert await stage.redis.xlen(stage.keys.bell) == 1


async def test_a_held_session_is_claimed_by_nobody_else(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.push("r-2")
    assert (await other.claim()).sessions == []
    assert await stage.redis.llen(stage.keys.mailbox(SID)) == 2


async def test_each_claim_gives_a_new_fence_that_counts_up(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1"])
    first = await worker.claim_one()
    await worker.commit(finish(first))
    await stage.push("r-2")
    second = await worker.claim_one()
    assert (first.fence.split("-")[0], second.fence.split("-")[0]) == ("1", "2")
    assert first.fence.split("-")[1] != second.fence.split("-")[1], "a bare counter repeats after a failover"


async def test_the_claim_brings_what_the_turn_needs(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    first = await worker.claim_one()
    records = [f'{{"n":{number}}}' for number in range(6)]
    await worker.commit(finish(first, document='{"states":{}}', records=records, bans=[("calm", True)]))
    await stage.push("r-2")
    second = await worker.claim_one()
    assert (second.turn, second.stored.document) == (1, b'{"states":{}}')
    assert second.stored.history == [b'{"n":2}', b'{"n":3}', b'{"n":4}', b'{"n":5}'], "only the window is read"
    assert second.stored.banned == {"calm"}
    assert second.stored.journal == {}


async def test_a_session_leaves_idle_without_expiry(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    own = (stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID))
    assert all([await stage.redis.pttl(key) > 0 for key in own])
    await stage.push("r-2")
    await worker.claim(0)
    assert [await stage.redis.pttl(key) for key in own] == [-1, -1, -1]
    assert await stage.names(stage.keys.sessions) == []


async def test_a_worker_is_given_only_swarms_that_it_serves(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.announce("new")
    await stage.push("r-1", swarmName="new")
    await stage.push("r-2", "bob")
    assert [session.sid for session in (await worker.claim()).sessions] == ["support:bob"]
    assert await stage.names(stage.keys.ready) == ["new:alice"]
    assert (await other.claim()).sessions == []
    assert (await stage.session("new:alice"))["status"] == "ready"


async def test_swarms_that_redis_forgot_are_announced_before_anything_is_admitted(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.redis.delete(stage.keys.swarms)
    await stage.push("r-1")
    await stage.push("r-2", "bob", swarmName="sales")
    assert [session.sid for session in (await worker.claim()).sessions] == ["support:alice", "sales:bob"]
    assert await stage.reasons() == [], "refused for a swarm that its own worker serves"


async def test_the_same_number_again_hands_out_the_same_sessions(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    await stage.push("r-3", "bob")
    first = await worker.store.admit_and_claim(1, 10, 1)
    await stage.push("r-4", "carol")
    again = await worker.store.admit_and_claim(1, 10, 1)
    assert again.sessions == first.sessions
    assert again.admitted == 0, "what came meanwhile is left to the next number"
    assert {session.attempts for session in again.sessions} == {1}


async def test_a_repeated_claim_leaves_out_what_was_lost_meanwhile(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.store.admit_and_claim(1, 10, 1)
    await stage.reclaim(worker, other)
    assert (await worker.store.admit_and_claim(1, 10, 1)).sessions == []


async def test_a_lower_number_is_stale_and_claims_nothing(stage: Stage, worker: StagedWorker) -> None:
    await worker.store.admit_and_claim(2, 10, 1)
    await stage.push("r-1")
    with pytest.raises(Exception, match="younger"):
        await worker.store.admit_and_claim(1, 10, 1)
    assert await stage.session() == {}


async def test_without_a_lease_nothing_is_admitted_or_claimed(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await stage.redis.zrem(stage.keys.workers, "w1")
    with pytest.raises(NoLease):
        await worker.claim()
    assert await stage.session() == {}


async def test_at_most_sixteen_requests_are_claimed_and_the_rest_goes_to_the_back_of_the_line(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push_all([f"a-{number}" for number in range(20)])
    session = await worker.claim_one()
    assert [request.request_id for request in session.requests] == [f"a-{number}" for number in range(16)]
    await stage.push("b-0", "bob")
    await worker.claim(0)
    assert await worker.commit(*[finish(session, index) for index in range(16)]) == ["ok"] * 16
    assert await stage.names(stage.keys.ready) == ["support:bob", SID]
    rest = (await worker.claim()).sessions[1]
    assert [request.request_id for request in rest.requests] == [f"a-{number}" for number in range(16, 20)]


async def test_one_claim_of_a_session_takes_at_most_a_mebibyte(stage: Stage) -> None:
    worker = await stage.worker("big", body_max_bytes=500_000)
    await stage.push_all(["r-1", "r-2", "r-3"], body="x" * 400_000)
    assert [request.request_id for request in (await worker.claim_one()).requests] == ["r-1", "r-2"]


async def test_deadlines_are_left_to_the_worker(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", deadlineMs="1")
    claim = await worker.claim()
    assert claim.verdicts == {"accepted": 1}
    assert claim.sessions[0].requests[0].deadline_ms == 1


async def test_optional_fields_may_come_in_any_order_and_unknown_ones_are_ignored(
    stage: Stage, worker: StagedWorker
) -> None:
    fields = {"color": "red", "kind": "execute", "traceparent": "00-a-b-01", "swarmName": "support"}
    fields |= {"tracestate": "x=\n1", "clientId": "alice", "requestId": "r-1", "v": "1"}
    await stage.redis.xadd(stage.keys.requests, fields)
    (request,) = (await worker.claim_one()).requests
    assert (request.body, request.traceparent) == (b"{}", "00-a-b-01")
    assert request.tracestate == "", "tracing that can't be used is left out, and costs no request"


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


async def test_any_script_may_be_in_a_client_id(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "клиент-7:a")
    session = await worker.claim_one()
    assert session.client_id == "клиент-7:a"


async def test_scripts_are_loaded_anew_when_the_server_forgot_them(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await stage.redis.script_flush()
    session = await worker.claim_one()
    await stage.redis.script_flush()
    assert await worker.commit(finish(session)) == ["ok"]
    await stage.redis.script_flush()
    assert (await worker.renew()).registered


async def test_a_worker_that_is_alone_reclaims_while_it_claims(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await other.claim_one()
    await stage.expire_lease(other)
    assert (await worker.claim()).sessions == [], f"its own row of renewals is younger than {LEASE_MS} ms"
    await stage.age(worker)
    claim = await worker.claim()
    assert (claim.reclaimed, claim.redelivered, claim.sessions[0].attempts) == (1, 1, 2)
    assert not claim.sessions[0].is_suspect


async def test_nothing_is_published_for_what_is_accepted(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    await stage.push("r-1")
    await worker.claim()
    assert await ears.heard() == []


async def test_a_session_that_stands_in_line_although_somebody_holds_it_is_claimed_by_nobody(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.redis.rpush(stage.keys.ready, SID, "support:nobody")
    assert (await other.claim()).sessions == []
    assert await stage.names(stage.keys.ready) == []
    assert await worker.commit(finish(session)) == ["ok"]
