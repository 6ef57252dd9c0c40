"""What an agent does wrong is this request's reply; what comes too late is not started; the session goes on."""

import json

import pytest

from tests.acceptance.app import ODD, SECRET, SORRY
from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire


@pytest.mark.parametrize("message", ["fail", "fail in a tool"])
async def test_an_agent_that_raises_fails_its_request_alone(message: str, wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", message)
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
    assert (reply["turn"], reply["agentName"], reply["attempts"]) == (1, "triage", 1)
    after = await wire.ask(alice, "support", "Hello")
    assert (after["status"], after["turn"]) == ("completed", 2)


@pytest.mark.parametrize("how", ODD)
async def test_an_agent_that_raises_what_would_end_a_program_fails_its_request_alone(
    how: str, wire: Wire, alice: str
) -> None:
    reply = await wire.ask(alice, "support", f"fail {how}")
    assert (reply["status"], reply["error"]["code"], reply["attempts"]) == ("failed", "agent_error", 1)
    assert [event["type"] for event in await wire.events_of(reply["requestId"])] == [
        "commit-execution-begin",
        "commit-execution-end",
    ]
    after = await wire.ask(alice, "support", "Hello")
    assert (after["status"], after["turn"]) == ("completed", 2)


@pytest.mark.parametrize("message", ["fail", "fail in a tool"])
async def test_an_error_shows_nothing_of_the_inside(message: str, wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", message)
    shown = json.dumps([reply, await wire.events_of(reply["requestId"])])
    for inside in (SECRET, "Traceback", ".py"):
        assert inside not in shown


async def test_a_failed_turn_has_its_begin_and_its_end(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", "fail")
    begin, *_, end = await wire.events_of(reply["requestId"])
    assert begin["type"] == "commit-execution-begin"
    assert (end["type"], end["output"]) == ("commit-execution-end", {"status": "failed"})


async def test_a_swarm_may_keep_its_failures_as_dead_letters(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "buried", "fail")
    assert (reply["status"], reply["error"]["code"]) == ("failed", "agent_error")
    letter = await wire.dead_letter(reply["requestId"])
    assert (letter["reason"], letter["attempts"]) == ("agent_error", "1")
    assert json.loads(letter["orig.body"]) == {"message": "fail"}
    assert SECRET not in json.dumps(letter)


async def test_a_turn_that_takes_too_long_is_ended(wire: Wire, alice: str, door: str) -> None:
    reply = await wire.ask(alice, "hasty", f"wait at {door}")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "turn_timeout")
    assert (await wire.ask(alice, "hasty", "Hello"))["status"] == "completed"


async def test_a_request_reached_after_its_deadline_is_not_started(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    seconds, _ = await wire.redis.time()
    late = await wire.say(alice, "support", "count", deadlineMs=seconds * 1000 - 1)
    after = await wire.say(alice, "support", "count")
    backstage.open(door)
    reply = await wire.reply_of(late)
    assert (reply["status"], reply["output"], reply["turn"], reply["error"]) == ("expired", "", None, None)
    assert (await wire.reply_of(after))["output"] == "counted 1"
    assert (await wire.reply_of(after))["turn"] == 2


async def test_an_expired_request_leaves_no_session(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", "Hello", deadlineMs=1)
    assert reply["status"] == "expired"
    assert await wire.keys_of(alice) == []


async def test_a_request_before_its_deadline_runs(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", "Hello", deadlineMs=32_503_680_000_000)
    assert reply["status"] == "completed"


async def test_an_answer_that_is_no_answer_becomes_a_placeholder(wire: Wire, alice: str) -> None:
    call = '{"name":"order_status","arguments":{}}'
    reply = await wire.do(alice, "echo", "execute", {"message": f"```json\n{call}\n```"})
    assert call not in reply["output"]
    assert reply["output"]


async def test_a_session_that_can_not_be_read_harms_nobody_and_can_be_disposed(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    # nothing that goes over the wire does this: a bug, or somebody at the wrong key
    await wire.redis.hset(wire.name(f"session:support:{alice}"), "document", "{rubbish")
    for _ in range(2):
        reply = await wire.ask(alice, "support", "Hello")
        assert (reply["status"], reply["error"]["code"]) == ("failed", "agent_error")
        assert "dispose" in reply["error"]["message"]
    bob = alice.replace("alice", "bob")
    assert (await wire.ask(bob, "support", "Hello"))["status"] == "completed"
    assert (await wire.do(alice, "support", "dispose"))["status"] == "completed"
    assert (await wire.ask(alice, "support", "Hello"))["turn"] == 1
