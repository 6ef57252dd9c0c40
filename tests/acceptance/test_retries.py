"""A turn whose error may be gone later waits in its session, blocks nothing, and is tried again."""

import signal

import pytest

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import PATIENCE_S, Wire
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess

SOON = {"SWARMLINE_RETRY_FIRST_S": "0.05", "SWARMLINE_RETRY_MOST_S": "0.2"}
#: nobody waits that long: only what a test does ends the wait
NEVER = {"SWARMLINE_RETRY_FIRST_S": "3600", "SWARMLINE_RETRY_MOST_S": "3600"}


async def start_two(start_worker: StartWorker, **environment: str) -> list[SwarmlineProcess]:
    workers = [start_worker(**environment) for _ in range(2)]
    for worker in workers:
        await worker.ready()
    return workers


async def is_delayed(wire: Wire, client_id: str = "alice") -> None:
    """Wait until the head of a session waits for its retry."""
    key = wire.name(f"session:support:{client_id}")
    await eventually(lambda: _status_is(wire, key, b"delayed"), within_s=PATIENCE_S)


async def _status_is(wire: Wire, key: str, status: bytes) -> bool:
    return await wire.redis.hget(key, "status") == status


async def come_due(wire: Wire, client_id: str = "alice") -> None:
    await wire.redis.zadd(wire.name("delayed"), {f"support:{client_id}": 0}, xx=True)


async def test_it_is_tried_again_until_it_works_and_the_session_keeps_its_order(
    own_wire: Wire, start_worker: StartWorker, door: str
) -> None:
    await start_two(start_worker, **SOON)
    first = await own_wire.say("alice", "support", f"stumble 2 {door}")
    behind = [await own_wire.say("alice", "support", "count") for _ in range(3)]
    reply = await own_wire.reply_of(first)
    assert (reply["status"], reply["output"], reply["attempts"], reply["turn"]) == ("completed", "up again", 3, 1)
    replies = [await own_wire.reply_of(request_id) for request_id in behind]
    assert [(one["output"], one["turn"], one["attempts"]) for one in replies] == [
        ("counted 1", 2, 1),
        ("counted 2", 3, 1),
        ("counted 3", 4, 1),
    ]
    assert await own_wire.outbox("alice", "support") == [reply, *replies]
    kinds = [(event["type"], event["attempt"]) for event in await own_wire.events_of(first)]
    assert kinds == [("commit-execution-begin", 3), ("execute", 3), ("commit-execution-end", 3)]
    assert await own_wire.redis.zcard(own_wire.name("delayed")) == 0


async def test_after_the_last_try_it_fails_and_is_kept_as_a_dead_letter(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    await start_two(start_worker, **SOON, SWARMLINE_RETRY_MAX_ATTEMPTS="3")
    request_id = await own_wire.say("alice", "support", f"stumble 9 {door}")
    reply = await own_wire.reply_of(request_id)
    assert (reply["status"], reply["error"]["code"], reply["attempts"]) == ("failed", "attempts_exhausted", 3)
    letter = await own_wire.dead_letter(request_id)
    assert (letter["reason"], letter["attempts"], letter["orig.kind"]) == ("attempts_exhausted", "3", "execute")
    assert "3 tries" in letter["error"]
    assert len(backstage.page(door)) == 3
    assert (await own_wire.ask("alice", "support", "Hello"))["status"] == "completed"


async def test_a_worker_that_dies_while_a_turn_waits_takes_nothing_with_it(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    workers = await start_two(start_worker, **NEVER)
    first = await own_wire.say("alice", "support", f"stumble 1 {door}")
    behind = await own_wire.say("alice", "support", "Hello")
    pid = await backstage.reached(door)
    await is_delayed(own_wire)
    (dead,) = [worker for worker in workers if worker.pid == pid]
    dead.kill()
    await come_due(own_wire)
    replies = [await own_wire.reply_of(request_id) for request_id in (first, behind)]
    assert [(reply["output"], reply["attempts"]) for reply in replies] == [("up again", 2), ("triage: Hello", 1)]
    assert await own_wire.outbox("alice", "support") == replies


async def test_a_waiting_turn_blocks_no_slot_and_no_shutdown(
    own_wire: Wire, start_worker: StartWorker, door: str
) -> None:
    worker = start_worker(**NEVER, SWARMLINE_MAX_SESSIONS_IN_FLIGHT="1")
    await worker.ready()
    waiting = await own_wire.say("alice", "support", f"stumble 1 {door}")
    await is_delayed(own_wire)
    assert (await own_wire.ask("bob", "support", "Hello"))["status"] == "completed"
    worker.send_signal(signal.SIGTERM)
    assert await worker.ended() == 0
    assert (await own_wire.accepted(waiting))["status"] == "accepted"
    await start_worker(**NEVER).ready()
    await come_due(own_wire)
    assert (await own_wire.reply_of(waiting))["attempts"] == 2


async def test_control_reaches_a_session_whose_turn_waits(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    await start_two(start_worker, **NEVER)
    waiting = await own_wire.say("alice", "support", f"stumble 1 {door}")
    await is_delayed(own_wire)
    assert (await own_wire.do("alice", "support", "notify", {"message": "Please wait."}))["status"] == "completed"
    await is_delayed(own_wire)
    assert len(backstage.page(door)) == 1, "the head keeps its due time"
    await come_due(own_wire)
    assert (await own_wire.reply_of(waiting))["output"] == "up again"
    items = await own_wire.outbox("alice", "support")
    assert [item["type"] for item in items] == ["notify", "reply", "reply"]


async def test_cancel_output_ends_a_turn_that_waits_and_the_next_one_runs(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    await start_two(start_worker, **NEVER)
    waiting = await own_wire.say("alice", "support", f"stumble 1 {door}")
    behind = await own_wire.say("alice", "support", "Hello")
    await is_delayed(own_wire)
    assert (await own_wire.do("alice", "support", "cancel-output"))["status"] == "completed"
    reply = await own_wire.reply_of(waiting)
    assert (reply["status"], reply["output"], reply["attempts"]) == ("cancelled", "", 1)
    assert (await own_wire.reply_of(behind))["output"] == "triage: Hello"
    assert len(backstage.page(door)) == 1
    assert await own_wire.redis.zcard(own_wire.name("delayed")) == 0


async def test_a_forced_disposal_ends_a_turn_that_waits(own_wire: Wire, start_worker: StartWorker, door: str) -> None:
    await start_two(start_worker, **NEVER)
    waiting = await own_wire.say("alice", "support", f"stumble 1 {door}")
    await is_delayed(own_wire)
    assert (await own_wire.do("alice", "support", "dispose", force=1))["status"] == "completed"
    assert (await own_wire.reply_of(waiting))["status"] == "cancelled"
    assert [key for key in await own_wire.keys_of("alice") if ":result:" not in key] == []
    assert await own_wire.redis.zcard(own_wire.name("delayed")) == 0


async def test_a_deadline_that_passes_while_a_turn_waits_expires_it(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    await start_two(start_worker, **NEVER)
    seconds, micros = await own_wire.redis.time()
    deadline_ms = seconds * 1000 + micros // 1000 + 1500
    reply = await own_wire.ask("alice", "support", f"stumble 9 {door}", deadlineMs=deadline_ms)
    assert (reply["status"], len(backstage.page(door))) == ("expired", 1)
    assert (await own_wire.ask("alice", "support", "Hello"))["status"] == "completed"


@pytest.mark.parametrize("when_busy", ["reject", "enqueue"])
async def test_a_session_whose_turn_waits_is_busy(
    own_wire: Wire, start_worker: StartWorker, door: str, when_busy: str
) -> None:
    await start_two(start_worker, **NEVER)
    waiting = await own_wire.say("alice", "support", f"stumble 1 {door}")
    await is_delayed(own_wire)
    more = await own_wire.say("alice", "support", "Hello", whenBusy=when_busy)
    await own_wire.accepted(more)
    await come_due(own_wire)
    assert (await own_wire.reply_of(waiting))["status"] == "completed"
    assert (await own_wire.reply_of(more))["status"] == ("rejected" if when_busy == "reject" else "completed")
