"""An onlooker sees who works at what, what waits, and what went wrong; it writes nothing."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys, meta_key
from tests.store.stage import NAMESPACE, SID, Stage, StagedWorker, finish
from worker.errors import ProtocolMismatch, QueueUnavailable
from worker.store.onlooker import Onlooker

END = '{{"type":"commit-execution-end","source":"execution-bus","output":{{"status":"{}"}}}}'


@pytest.fixture
async def onlooker(stage: Stage) -> AsyncIterator[Onlooker]:
    await stage.redis.hset(meta_key(NAMESPACE), mapping={"protocol": 1, "shards": 1})
    onlooker = Onlooker(stage.url, NAMESPACE)
    await onlooker.arrive()
    yield onlooker
    await onlooker.close()


async def test_a_namespace_that_nobody_made_is_seen_as_such_until_somebody_does(
    redis_url: str, redis: "redis_asyncio.Redis[bytes]"
) -> None:
    onlooker = Onlooker(redis_url, NAMESPACE)
    assert not await onlooker.arrive()
    assert await onlooker.figures() == []
    await redis.hset(meta_key(NAMESPACE), mapping={"protocol": 1, "shards": 3})
    assert await onlooker.arrive()
    assert len(await onlooker.figures()) == 3
    await onlooker.close()


async def test_a_namespace_of_another_protocol_is_told(redis_url: str, redis: "redis_asyncio.Redis[bytes]") -> None:
    await redis.hset(meta_key(NAMESPACE), mapping={"protocol": 2, "shards": 1})
    onlooker = Onlooker(redis_url, NAMESPACE)
    with pytest.raises(ProtocolMismatch, match="protocol 2"):
        await onlooker.arrive()
    await onlooker.close()


async def test_a_worker_is_seen_with_the_request_that_it_runs(
    stage: Stage, worker: StagedWorker, onlooker: Onlooker
) -> None:
    await stage.push_all(["r-1", "r-2"])
    await worker.claim()
    (seen,) = await onlooker.workers()
    (session,) = seen.runs
    assert (seen.worker_id, seen.held) == (worker.worker_id, 1)
    assert (session.sid, session.status, session.holder) == (SID, "held", worker.worker_id)
    assert session.head is not None
    assert (session.head.request_id, session.waiting, session.attempts) == ("r-1", 2, 1)
    assert [request.request_id for request in await onlooker.waiting_in(SID)] == ["r-1", "r-2"]


async def test_a_worker_shows_some_of_what_it_holds_and_the_number_of_all(
    stage: Stage, worker: StagedWorker, onlooker: Onlooker
) -> None:
    for number in range(7):
        await stage.push(f"r-{number}", f"c{number}")
    await worker.claim()
    (seen,) = await onlooker.workers(runs_max=3)
    assert (seen.held, len(seen.runs)) == (7, 3)


async def test_sessions_are_seen_in_every_status(stage: Stage, worker: StagedWorker, onlooker: Onlooker) -> None:
    await stage.push("r-1", "idle")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2", "delayed")
    await worker.release(await worker.claim_one(), wait_ms=60_000)
    await stage.push("r-3", "held")
    await worker.claim_one()
    await stage.push("r-4", "ready")
    await worker.claim(0)
    seen = {session.sid.partition(":")[2]: session for session in await onlooker.sessions()}
    assert {client: session.status for client, session in seen.items()} == {
        "held": "held", "ready": "ready", "delayed": "delayed", "idle": "idle",
    }  # fmt: skip
    now_ms = await onlooker.now_ms()
    assert seen["idle"].due_at_ms > now_ms
    assert 0 < seen["delayed"].due_at_ms - now_ms <= 60_000


async def test_a_client_is_found_in_all_its_swarms_whatever_else_there_is(
    stage: Stage, worker: StagedWorker, onlooker: Onlooker
) -> None:
    await stage.announce("sales")
    await stage.push("r-1")
    await stage.push("r-2", swarmName="sales")
    await worker.claim()
    found = await onlooker.sessions_of_client("alice")
    assert sorted(session.sid for session in found) == ["sales:alice", SID]
    assert await onlooker.sessions_of_client("nobody") == []
    assert await onlooker.sessions_of_client("no * client") == []


@pytest.mark.unguarded_keyspace
async def test_a_damaged_session_is_seen_as_damaged_and_hides_no_other(
    stage: Stage, worker: StagedWorker, onlooker: Onlooker
) -> None:
    await stage.push("r-1", "broken")
    await stage.push("r-2", "sound")
    await worker.claim()
    await stage.redis.set(stage.keys.session("support:broken"), "rubbish")
    await stage.redis.rpush(stage.keys.ready, "support:overwritten")
    await stage.redis.set(stage.keys.mailbox("support:overwritten"), "rubbish")
    seen = {session.sid: session.status for session in await onlooker.sessions()}
    assert seen == {"support:broken": "damaged", "support:sound": "held", "support:overwritten": "damaged"}
    assert (await onlooker.figures())[0].workers_live == 1


async def test_dead_letters_are_seen_newest_first_with_what_was_sent(
    stage: Stage, worker: StagedWorker, onlooker: Onlooker
) -> None:
    await stage.push("r-1", kind="dance")
    await stage.push("r-2", kind="sing")
    await worker.claim()
    await stage.redis.xadd(stage.keys.dead, {"nonsense": b"\xff"})
    letters = await onlooker.dead_letters()
    by_reason = [letter for letter in letters if letter.reason == "unknown_kind"]
    assert sorted(letter.original["kind"] for letter in by_reason) == ["dance", "sing"]
    assert {letter.original["requestId"] for letter in by_reason} == {"r-1", "r-2"}
    assert len(letters) == 3, "one that nobody can read is seen as well"
    assert len(await onlooker.dead_letters(limit=2)) == 2


async def test_the_flow_counts_what_was_admitted_and_how_turns_ended(
    stage: Stage, worker: StagedWorker, onlooker: Onlooker
) -> None:
    (before,) = await onlooker.flows([])
    assert (before.admitted, before.committed, before.endings) == (0, None, [])
    for number, status in enumerate(["completed", "failed", "no-end"]):
        await stage.push(f"r-{number}", f"c{number}")
        events = [] if status == "no-end" else [END.format(status)]
        await worker.commit(finish(await worker.claim_one(), events=[*events, '{"type":"execute"}']))
    (flow,) = await onlooker.flows([before.last_entry_id])
    assert (flow.admitted, flow.committed) == (3, 3)
    assert sorted(status for _, status in flow.endings) == ["completed", "completed", "failed"]
    (later,) = await onlooker.flows([flow.last_entry_id])
    assert (later.committed, later.endings, later.last_entry_id) == (3, [], flow.last_entry_id)


async def test_rubbish_in_the_events_stream_is_an_unknown_ending(stage: Stage, onlooker: Onlooker) -> None:
    await stage.redis.xadd(stage.keys.events, {"data": b"\xff not json"})
    (flow,) = await onlooker.flows([])
    assert [status for _, status in flow.endings] == ["unknown"]


async def test_looking_changes_no_key(stage: Stage, worker: StagedWorker, onlooker: Onlooker) -> None:
    await stage.push("r-1")
    await worker.claim()
    before = {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")}
    await onlooker.figures()
    await onlooker.flows([])
    await onlooker.workers()
    await onlooker.sessions()
    await onlooker.sessions_of_client("alice")
    await onlooker.dead_letters()
    assert {key: await stage.redis.dump(key) for key in await stage.redis.keys("*")} == before


async def test_a_worker_of_several_shards_is_seen_once(
    stage: Stage, redis: "redis_asyncio.Redis[bytes]", onlooker: Onlooker
) -> None:
    await redis.hset(meta_key(NAMESPACE), "shards", 2)
    await stage.worker("w1", shards=2)
    other_shard = ShardKeys(NAMESPACE, 1)
    await redis.zadd(other_shard.workers, {"w1": 5})
    await onlooker.arrive()
    (seen,) = await onlooker.workers()
    assert (seen.worker_id, seen.lease_end_ms) == ("w1", 5)


async def test_without_a_server_every_look_says_so() -> None:
    onlooker = Onlooker("unix:///nowhere/at/all", NAMESPACE, timeout_s=1)
    with pytest.raises(QueueUnavailable):
        await onlooker.arrive()
    await onlooker.close()
