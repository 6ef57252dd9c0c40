"""Admission buries what it can't take on, and answers whoever can be answered."""

from typing import Any

import pytest

from tests.store.stage import RESULT_TTL_MS, SID, Ears, Stage, StagedWorker, finish

#: fields of a push, dead-letter reason, error code of the reply
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"v": "2"}, "malformed", "bad_request"),
    ({"v": None}, "malformed", "bad_request"),
    ({"clientId": None}, "malformed", "bad_request"),
    ({"swarmName": None}, "malformed", "bad_request"),
    ({"kind": None}, "malformed", "bad_request"),
    ({"clientId": "a b"}, "bad_name", "bad_request"),
    ({"clientId": "x" * 129}, "bad_name", "bad_request"),
    ({"swarmName": "sup:port"}, "bad_name", "bad_request"),
    ({"body": "x" * 1001}, "too_large", "bad_request"),
    ({"kind": "exterminate"}, "unknown_kind", "bad_request"),
    ({"swarmName": "nobody"}, "unknown_swarm", "unknown_swarm"),
    ({"deadlineMs": "soon"}, "bad_request", "bad_request"),
    ({"deadlineMs": "1" * 16}, "bad_request", "bad_request"),
    ({"force": "yes"}, "bad_request", "bad_request"),
    ({"whenBusy": "panic"}, "bad_request", "bad_request"),
    ({"replyTo": "swarmline:{0}:client:support:bob"}, "bad_request", "bad_request"),
    ({"replyTo": "swarmline:{1}:reply:x"}, "bad_request", "bad_request"),
    ({"replyTo": "swarmline:{0}:reply:a b"}, "bad_request", "bad_request"),
    ({"replyTo": "swarmline:{0}:reply:" + "x" * 256}, "bad_request", "bad_request"),
]


@pytest.mark.parametrize(("fields", "reason", "code"), FAULTS, ids=lambda value: str(value)[:40])
async def test_a_faulty_request_is_buried_and_answered(
    stage: Stage, worker: StagedWorker, fields: dict[str, Any], reason: str, code: str
) -> None:
    await stage.push("r-1", **fields)
    claim = await worker.claim()
    assert (claim.verdicts, claim.sessions) == ({f"dead:{reason}": 1}, [])
    (letter,) = await stage.dead()
    assert (letter["reason"], letter["attempts"], letter["orig.requestId"]) == (reason, "0", "r-1")
    assert letter["error"]
    assert letter["atMs"] == str(claim.now_ms)
    result = await stage.result("r-1")
    assert (result["status"], result["output"], result["error"]["code"]) == ("failed", "", code)
    assert (result["seq"], result["turn"], result["agentName"], result["attempts"]) == (None, None, None, 0)
    assert result["error"]["message"] == letter["error"]
    assert 0 < await stage.redis.pttl(stage.keys.result("r-1")) <= RESULT_TTL_MS
    assert await stage.session() == {}


@pytest.mark.parametrize("request_id", [None, "", "r 1", "r" * 129, "r\n1"])
async def test_without_a_usable_request_id_there_is_a_dead_letter_and_no_reply(
    stage: Stage, worker: StagedWorker, ears: Ears, request_id: str | None
) -> None:
    await stage.push("", requestId=request_id)
    assert (await worker.claim()).verdicts == {"dead:malformed": 1}
    assert await stage.redis.keys(stage.keys.result("*")) == []
    assert await ears.heard() == []


async def test_the_whole_entry_is_kept_in_its_dead_letter(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", kind="exterminate", extra="1")
    await worker.claim()
    (letter,) = await stage.dead()
    assert {name: value for name, value in letter.items() if name.startswith("orig.")} == {
        "orig.v": "1",
        "orig.requestId": "r-1",
        "orig.clientId": "alice",
        "orig.swarmName": "support",
        "orig.kind": "exterminate",
        "orig.body": '{"message":"Hello"}',
        "orig.extra": "1",
    }


async def test_a_flooding_entry_is_cut_in_its_dead_letter(stage: Stage, worker: StagedWorker) -> None:
    many = {f"field-{number}": "x" * 3000 for number in range(70)}
    await stage.redis.xadd(stage.keys.requests, many)
    await stage.push("r-2", "bob")
    assert (await worker.claim()).verdicts == {"dead:malformed": 1, "accepted": 1}
    (letter,) = await stage.dead()
    kept = [value for name, value in letter.items() if name.startswith("orig.")]
    assert len(kept) == 64
    assert {len(value) for value in kept} == {1024}


async def test_a_flooding_entry_is_answered_where_its_id_can_be_read(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    reply_to = stage.keys.reply_channel("me")
    await stage.push("r-1", replyTo=reply_to, **{f"field-{number}": "x" for number in range(5000)})
    await stage.push("r-2", "bob", replyTo="elsewhere", **{f"field-{number}": "x" for number in range(70)})
    assert (await worker.claim()).verdicts == {"dead:malformed": 2}
    for request_id in ("r-1", "r-2"):
        error = (await stage.result(request_id))["error"]
        assert error == {"code": "bad_request", "message": "an entry may have at most 64 fields"}
    assert [channel for channel, _ in await ears.heard()] == [reply_to], "a worker never publishes where a sender likes"


async def test_a_malformed_entry_never_touches_a_live_request_of_the_same_id(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.push("r-1", v="9")
    assert (await worker.claim()).verdicts == {"dead:malformed": 1}
    assert (await stage.result("r-1"))["status"] == "accepted"
    assert await ears.heard() == []
    assert await worker.commit(finish(session)) == ["ok"]
    assert (await stage.result("r-1"))["status"] == "completed"


async def test_a_refused_request_is_answered_on_both_channels(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    reply_to = stage.keys.reply_channel("me")
    await stage.push("r-1", swarmName="nobody", replyTo=reply_to)
    await worker.claim()
    stored = (await stage.redis.get(stage.keys.result("r-1"))).decode()
    assert await ears.heard() == [(stage.keys.client_channel("nobody:alice"), stored), (reply_to, stored)]


async def test_a_bad_reply_to_is_told_on_the_client_channel_only(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1", replyTo="swarmline:{0}:bus:victim")
    await worker.claim()
    assert [channel for channel, _ in await ears.heard()] == [stage.keys.client_channel(SID)]


async def test_names_that_break_a_channel_are_told_on_the_reply_channel_only(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    reply_to = stage.keys.reply_channel("me")
    await stage.push("r-1", clientId="a*\udcff\n".encode("utf-8", "surrogateescape"), replyTo=reply_to)
    await worker.claim()
    assert [channel for channel, _ in await ears.heard()] == [reply_to]
    assert (await stage.result("r-1"))["clientId"] == "a*??"


async def test_a_request_for_another_shard_is_sent_back(stage: Stage) -> None:
    worker = await stage.worker("w1", shards=16)
    await stage.push("r-1", "alice")
    assert (await worker.claim()).verdicts == {"dead:bad_shard": 1}
    error = (await stage.result("r-1"))["error"]
    assert error == {"code": "bad_shard", "message": "this clientId belongs to shard 7: crc32(clientId) % 16"}


@pytest.mark.parametrize(
    ("client_id", "shard"), [("alice", 7), ("клиент-7", 2), ("c0", 7), ("c1", 1), ("c2", 11), ("c3", 13)]
)
async def test_the_vectors_of_the_protocol_are_accepted_in_their_own_shard(
    stage: Stage, client_id: str, shard: int
) -> None:
    own = Stage(stage.redis, stage.url, shard)
    await own.announce()
    worker = await own.worker("w1", shards=16)
    await own.push("r-1", client_id)
    assert (await worker.claim()).verdicts == {"accepted": 1}
    await own.close()


async def test_the_same_request_again_runs_once_and_is_not_published_again(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1")
    await stage.push("r-1")
    claim = await worker.claim()
    assert claim.verdicts == {"accepted": 1, "deduplicated": 1}
    assert len(claim.sessions[0].requests) == 1
    await worker.commit(finish(claim.sessions[0]))
    await ears.heard()
    await stage.push("r-1")
    assert (await worker.claim()).verdicts == {"deduplicated": 1}
    assert await ears.heard() == []
    assert await stage.reasons() == []


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


@pytest.mark.parametrize("changed", [{"clientId": "bob"}, {"swarmName": "sales"}])
async def test_the_same_id_of_another_client_or_swarm_is_a_fault(
    stage: Stage, worker: StagedWorker, ears: Ears, changed: dict[str, str]
) -> None:
    await stage.announce("sales")
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.push("r-1", **changed)
    assert (await worker.claim()).verdicts == {"dead:duplicate_id": 1}
    assert await ears.heard() == [], "the id belongs to somebody else, who gets the one reply"
    assert await worker.commit(finish(session)) == ["ok"]


async def test_a_result_key_that_is_not_ours_is_left_alone(stage: Stage, worker: StagedWorker) -> None:
    await stage.redis.set(stage.keys.result("r-1"), "not JSON", px=60_000)
    await stage.push("r-1")
    assert (await worker.claim()).verdicts == {"dead:duplicate_id": 1}
    assert await stage.redis.get(stage.keys.result("r-1")) == b"not JSON"


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("when_busy", ["enqueue", "reject"])
async def test_a_result_key_of_a_wrong_type_is_left_alone_and_its_request_buried(
    stage: Stage, worker: StagedWorker, when_busy: str
) -> None:
    await stage.push("r-0")
    await worker.claim_one()
    await stage.redis.rpush(stage.keys.result("r-1"), "somebody's")
    await stage.push("r-1", whenBusy=when_busy)
    assert (await worker.claim()).verdicts == {"dead:malformed": 1}
    assert await stage.redis.lrange(stage.keys.result("r-1"), 0, -1) == [b"somebody's"]
    assert await stage.redis.llen(stage.keys.mailbox(SID)) == 1


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("damaged", ["session", "mailbox"])
async def test_the_sender_of_a_request_for_a_damaged_session_is_told(
    stage: Stage, worker: StagedWorker, damaged: str
) -> None:
    await stage.redis.set(getattr(stage.keys, damaged)(SID), "somebody's")
    await stage.push("r-1")
    claim = await worker.claim()
    assert claim.verdicts == {"dead:malformed": 1}
    assert claim.sessions == []
    reply = await stage.result("r-1")
    assert (reply["status"], reply["error"]["code"]) == ("failed", "bad_request")


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


async def test_one_bad_entry_hurts_no_other_of_its_call(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "a")
    await stage.push("r-2", "b", v="9")
    await stage.push("r-3", "c")
    claim = await worker.claim()
    assert claim.verdicts == {"accepted": 2, "dead:malformed": 1}
    assert [session.client_id for session in claim.sessions] == ["a", "c"]


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
