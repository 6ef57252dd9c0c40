"""A commit writes a finished turn as a whole: session, history, result, outbox, events and publishes."""

import json

import pytest

from tests.store.stage import (
    GRACE_MS,
    RECORD,
    RESULT_TTL_MS,
    SID,
    TTL_MS,
    Ears,
    Stage,
    StagedWorker,
    ended,
    finish,
    reply_of,
)
from worker.store.claims import NoLease
from worker.store.commits import DeadLetter, Source


async def test_a_turn_is_committed_as_a_whole(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    assert await worker.commit(finish(session, document='{"states":{}}', events=['{"e":1}', '{"e":2}'])) == ["ok"]
    found = await stage.session()
    assert (found["status"], found["turn"], found["attempts"]) == ("idle", "1", "0")
    assert found["document"] == '{"states":{}}'
    assert await stage.names(stage.keys.history(SID)) == [RECORD]
    assert await stage.redis.llen(stage.keys.mailbox(SID)) == 0
    assert await stage.names(stage.keys.held("w1")) == []
    ((_, fields),) = await stage.redis.xrange(stage.keys.events)
    assert json.loads(fields[b"data"]) == [{"e": 1}, {"e": 2}]


async def test_the_terminal_reply_is_the_same_wherever_it_appears(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    reply_to = stage.keys.reply_channel("me")
    await stage.push("r-1", replyTo=reply_to)
    await worker.commit(finish(await worker.claim_one()))
    stored = (await stage.redis.get(stage.keys.result("r-1"))).decode()
    assert await ears.heard() == [(stage.keys.client_channel(SID), stored), (reply_to, stored)]
    assert await stage.outbox() == [json.loads(stored)]
    assert json.loads(stored) == json.loads(reply_of("r-1")) | {"seq": json.loads(stored)["seq"]}
    assert 0 < await stage.redis.pttl(stage.keys.result("r-1")) <= RESULT_TTL_MS


async def test_events_are_published_in_order_on_the_bus_channel_of_the_client(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1", "a:b")
    await worker.commit(finish(await worker.claim_one(), events=["1", "2", "3"]))
    bus = stage.keys.bus_channel("a:b")
    assert [data for channel, data in await ears.heard() if channel == bus] == ["1", "2", "3"]


async def test_events_that_went_out_live_are_kept_but_not_published_again(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), events=["1", "2", "3"], events_flushed=2))
    bus = stage.keys.bus_channel("alice")
    assert [data for channel, data in await ears.heard() if channel == bus] == ["3"]
    ((_, fields),) = await stage.redis.xrange(stage.keys.events)
    assert fields[b"data"] == b"[1,2,3]"


async def test_the_events_stream_can_be_switched_off(stage: Stage, ears: Ears) -> None:
    worker = await stage.worker("w1", events_max=0)
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), events=["1"]))
    assert await stage.redis.exists(stage.keys.events) == 0
    assert (stage.keys.bus_channel("alice"), "1") in await ears.heard()


async def test_idle_keys_expire_after_the_ttl_and_a_grace(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.commit(finish(session))
    for key in (stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID)):
        assert TTL_MS < await stage.redis.pttl(key) <= TTL_MS + GRACE_MS
    due_ms = await stage.redis.zscore(stage.keys.sessions, SID)
    now_s, _ = await stage.redis.time()
    assert abs(due_ms - now_s * 1000 - TTL_MS) < 60_000


async def test_a_turn_without_records_or_events_expires_what_there_is(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    quiet = finish(await worker.claim_one(), records=[], requests=[ended("r-2", "", "", sequenced=False)])
    assert await worker.commit(quiet) == ["ok"]
    for key in (stage.keys.session(SID), stage.keys.history(SID), stage.keys.outbox(SID)):
        assert await stage.redis.pttl(key) > TTL_MS


async def test_seq_grows_strictly_over_emits_replies_and_turns(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    await stage.push_all([f"r-{number}" for number in range(3)])
    session = await worker.claim_one()
    emit = '{"v":1,"type":"emit","data":"…"}'
    await worker.commit(*[finish(session, index, out=[emit, emit]) for index in range(3)])
    sent = [json.loads(data) for channel, data in await ears.heard() if channel == stage.keys.client_channel(SID)]
    numbers = [item["seq"] for item in sent]
    assert [item["type"] for item in sent] == ["emit", "emit", "reply"] * 3
    assert numbers == sorted(set(numbers))
    assert [item["seq"] for item in await stage.outbox()] == numbers
    assert (await stage.session())["seq"] == str(numbers[-1])


async def test_seq_goes_on_when_the_clock_of_redis_was_put_back(stage: Stage, worker: StagedWorker) -> None:
    ahead = 1 << 52
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await stage.redis.hset(stage.keys.session(SID), "seq", ahead)
    await worker.commit(finish(session, 0), finish(session, 1))
    assert [item["seq"] for item in await stage.outbox()] == [ahead + 1, ahead + 2]


async def test_a_kept_session_goes_on_under_the_same_fence(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    assert await worker.commit(finish(session, 0)) == ["ok"]
    found = await stage.session()
    assert (found["status"], found["turn"], found["attempts"]) == ("held", "1", "1")
    assert await stage.redis.pttl(stage.keys.session(SID)) == -1
    assert await stage.names(stage.keys.sessions) == []
    assert await worker.commit(finish(session, 1)) == ["ok"]
    assert (await stage.session())["status"] == "idle"


async def test_two_turns_of_one_session_in_one_call_build_on_each_other(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2", "r-3"])
    session = await worker.claim_one()
    assert await worker.commit(*[finish(session, index) for index in range(3)]) == ["ok"] * 3
    found = await stage.session()
    assert (found["status"], found["turn"]) == ("idle", "3")
    assert await stage.names(stage.keys.history(SID)) == [RECORD] * 3
    assert [item["requestId"] for item in await stage.outbox()] == ["r-1", "r-2", "r-3"]


async def test_a_request_that_came_meanwhile_makes_the_session_ready_again(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.push("r-2")
    await worker.claim(0)
    await worker.commit(finish(session))
    assert (await stage.session())["status"] == "ready"
    assert await stage.names(stage.keys.ready) == [SID]
    assert await stage.redis.pttl(stage.keys.history(SID)) == -1
    assert await stage.redis.xlen(stage.keys.bell) == 1
    again = await worker.claim_one()
    assert (again.requests[0].request_id, again.attempts) == ("r-2", 1)


async def test_one_reply_ends_many_requests_in_one_commit(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    await stage.push_all(["r-1", "r-2", "r-3"])
    session = await worker.claim_one()
    requests = [ended(request_id, reply_of(request_id), "", sequenced=True) for request_id in ("r-1", "r-2")]
    await worker.commit(finish(session, requests=requests, release=True))
    assert [json.loads(data)["requestId"] for _, data in await ears.heard()] == ["r-1", "r-2"]
    assert [request.request_id for request in await worker.store.mailbox_of(SID)] == ["r-3"]
    assert (await stage.session())["status"] == "ready"


async def test_a_reply_without_a_turn_is_published_as_it_is_and_not_kept_in_the_outbox(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push("r-1")
    unnumbered = ended("r-1", '{"seq":null}', "", sequenced=False)
    await worker.commit(finish(await worker.claim_one(), requests=[unnumbered], opens=False, records=[]))
    assert await ears.heard() == [(stage.keys.client_channel(SID), '{"seq":null}')]
    assert await stage.result("r-1") == {"seq": None}
    assert await stage.keys_of() == [], "a request that never reached a turn opens no session"


async def test_a_commit_with_a_dead_reason_buries_the_whole_request(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", body='{"message":"a\\nb"}\n\t', sentAtMs="7", whenBusy="coalesce")
    session = await worker.claim_one()
    await worker.commit(finish(session, dead=DeadLetter("bad_request", "no", 2)))
    (letter,) = await stage.dead()
    assert (letter["reason"], letter["error"], letter["attempts"]) == ("bad_request", "no", "2")
    assert {name: value for name, value in letter.items() if name.startswith("orig.")} == {
        "orig.v": "1",
        "orig.requestId": "r-1",
        "orig.clientId": "alice",
        "orig.swarmName": "support",
        "orig.kind": "execute",
        "orig.whenBusy": "coalesce",
        "orig.sentAtMs": "7",
        "orig.body": '{"message":"a\\nb"}\n\t',
    }


async def test_the_dead_letter_of_a_claimed_request_has_the_fields_that_were_sent_and_no_others(
    stage: Stage, worker: StagedWorker
) -> None:
    sent = {"body": "\n1\t", "extra": "a\tb\n\xfc", "": "nameless", "orig.requestId": "r-0"}
    await stage.announce(when_busy="coalesce")
    await stage.push("r-1", **sent)
    session = await worker.claim_one()
    assert session.requests[0].body == b"\n1\t"
    await worker.commit(finish(session, dead=DeadLetter("bad_request", "no", 1)))
    (letter,) = await stage.dead()
    known = {"v": "1", "requestId": "r-1", "clientId": "alice", "swarmName": "support", "kind": "execute"}
    assert {name: value for name, value in letter.items() if name.startswith("orig.")} == {
        f"orig.{name}": value for name, value in (known | sent).items()
    }


async def test_large_fields_that_nobody_reads_do_not_wait_in_a_mailbox(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", extra="x" * 5000, whenBusy="enqueue")
    session = await worker.claim_one()
    (record,) = await stage.redis.lrange(stage.keys.mailbox(SID), 0, -1)
    assert len(record) < 200
    assert session.requests[0].body == b'{"message":"Hello"}'


async def test_bans_are_kept_in_both_places_until_they_are_lifted(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await worker.commit(finish(session, 0, bans=[("calm", True), ("polite", True)]))
    assert await stage.names(stage.keys.banned(SID)) == ["calm", "polite"]
    assert await stage.names(stage.keys.bans) == [f"calm:{SID}", f"polite:{SID}"]
    await worker.commit(finish(session, 1, bans=[("calm", False)]))
    assert await stage.names(stage.keys.banned(SID)) == ["polite"]
    assert await stage.names(stage.keys.bans) == [f"polite:{SID}"]


async def test_history_and_outbox_are_capped(stage: Stage) -> None:
    worker = await stage.worker("w1", history_max=3, outbox_max=100)
    await stage.push("r-1")
    records = [f'"{number}"' for number in range(5)]
    out = ['{"type":"emit"}'] * 500
    await worker.commit(finish(await worker.claim_one(), records=records, out=out))
    assert await stage.names(stage.keys.history(SID)) == ['"2"', '"3"', '"4"']
    assert await stage.redis.xlen(stage.keys.outbox(SID)) < 300


@pytest.mark.parametrize(("own", "kept"), [(2, 2), (9, 3), (0, 3)])
async def test_a_swarm_may_keep_less_history_than_the_worker(stage: Stage, own: int, kept: int) -> None:
    worker = await stage.worker("w1", history_max=3)
    await stage.push("r-1")
    records = [f'"{number}"' for number in range(5)]
    await worker.commit(finish(await worker.claim_one(), records=records, history_max=own))
    assert await stage.names(stage.keys.history(SID)) == records[-kept:]


async def test_more_records_than_lua_can_unpack_are_kept(stage: Stage) -> None:
    worker = await stage.worker("w1", history_max=20_000)
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), records=[RECORD] * 9000))
    assert await stage.redis.llen(stage.keys.history(SID)) == 9000


async def test_the_same_number_again_gives_the_same_answer_and_writes_nothing(
    stage: Stage, worker: StagedWorker, ears: Ears
) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    turns = [finish(session, 0), finish(session, 1, fence="9-x")]
    first = await worker.store.commit(1, turns)
    await ears.heard()
    again = await worker.store.commit(1, turns)
    assert again.statuses == first.statuses
    assert await ears.heard() == []
    assert (await stage.session())["turn"] == "1"


async def test_the_same_number_again_is_answered_even_after_the_session_was_lost(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    first = await worker.store.commit(1, [finish(session)])
    await stage.reclaim(worker, other)
    assert (await worker.store.commit(1, [finish(session)])).statuses == first.statuses


async def test_a_lower_number_changes_nothing(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.store.commit(2, [])
    assert (await worker.store.commit(1, [finish(session)])).statuses == ["fenced"]
    assert (await stage.result("r-1"))["status"] == "accepted"


async def test_without_a_lease_nothing_is_committed(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.redis.zrem(stage.keys.workers, "w1")
    with pytest.raises(NoLease):
        await worker.commit(finish(session))
    assert (await stage.result("r-1"))["status"] == "accepted"
    await stage.redis.zadd(stage.keys.workers, {"w1": 1})


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
