"""W9 to W16 of the origin, shown to be impossible here: errors, events, bans, growth and races."""

import asyncio
import json
from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, agent, swarm
from tests.conformance.model import Model, call, echo, recall
from tests.conformance.test_control import Door
from worker import CompletionRequest, Policy, Turn, tool


def _fail_on_bad(request: CompletionRequest) -> str:
    if request.last_user_message() == "bad":
        raise RuntimeError
    return "good"


async def test_w9_an_error_is_the_reply_of_its_own_request_and_of_no_other(serve: Serve) -> None:
    client = await serve(swarm(agent("a", _fail_on_bad)))
    kinds = ["execute", "run", "complete"] * 4
    ids = [(await client.push(kind, message="bad"), await client.push(kind, message="fine")) for kind in kinds]
    for bad, fine in ids:
        assert (await client.reply_of(bad))["status"] == "failed"
        assert (await client.reply_of(fine))["output"] == "good"


@pytest.mark.parametrize("kind", ["execute", "run", "complete"])
async def test_w9_one_failure_has_one_form_whatever_the_kind(kind: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", _fail_on_bad)))
    reply = await client.do(kind, message="bad")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")


async def test_w10_every_execution_that_begins_has_an_end_that_tells_how(serve: Serve) -> None:
    async def slow(request: CompletionRequest) -> str:
        if request.last_user_message() == "slow":
            await asyncio.Event().wait()
        return _fail_on_bad(request)

    policy = Policy("p", validate_input=lambda text, _session: text != "rude")
    client = await serve(swarm(agent("a", slow), policies=[policy], turn_timeout_s=0.05))
    endings = [("fine", "completed"), ("bad", "failed"), ("rude", "refused"), ("slow", "failed")]
    for kind in ("execute", "run", "complete"):
        for message, status in endings:
            if kind == "run" and message == "rude":
                continue
            events = await client.events_of((await client.do(kind, message=message))["requestId"])
            begun = [event for event in events if event["type"] == "commit-execution-begin"]
            ended = [event for event in events if event["type"] == "commit-execution-end"]
            assert len(begun) == 1
            assert [event["output"] for event in ended] == [{"status": status}]


async def test_w10_a_cancelled_execution_has_an_end_too(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model)))
    hung = await client.say("hang")
    await door.reached.wait()
    await client.do("cancel-output")
    assert (await client.trace_of(hung))[-1] == "execution-bus commit-execution-end"
    assert (await client.events_of(hung))[-1]["output"] == {"status": "cancelled"}


async def test_w11_events_are_there_for_who_comes_later_in_order_and_hold_plain_data(serve: Serve) -> None:
    client = await serve(swarm(agent("a", handoffs=["b"]), agent("b"), bus="all"))
    ids = [(await client.ask(f"m{n}"))["requestId"] for n in range(3)]
    ids.append((await client.do("change-agent", agentName="b"))["requestId"])
    for request_id in ids:
        events = await client.events_of(request_id)
        assert [event["atMs"] for event in events] == sorted(event["atMs"] for event in events)
        assert json.loads(json.dumps(events)) == events
    names = [event["output"] for event in await client.events_of(ids[0]) if event["type"] == "get-agent"]
    assert names == [{"agentName": "a"}]


async def test_w11_an_emit_is_one_event_and_a_disposal_is_one_too(serve: Serve) -> None:
    client = await serve(swarm(agent("a"), bus="all"))
    await client.ask("hi")
    emitted = await client.trace_of((await client.do("emit", message="hello"))["requestId"])
    disposed = await client.trace_of((await client.do("dispose"))["requestId"])
    assert emitted.count("session-bus emit") == 1
    assert disposed.count("session-bus dispose") == 1


async def test_w11_an_observer_that_reads_nothing_delays_nobody(serve: Serve) -> None:
    client = await serve(swarm(agent("a"), bus="all"))
    async with client.wire.listen(client.wire.bus_channel("alice")) as bus:
        answers = [await client.answer(f"m{n}") for n in range(20)]
        assert answers == [f"m{n}" for n in range(20)]
        assert (await bus.next())["type"] == "commit-execution-begin"


async def test_w12_two_calls_in_flight_keep_the_ban_message_of_their_own_policy(serve: Serve) -> None:
    async def pause(text: str, _session: object) -> bool:
        await asyncio.sleep(0)  # noqa: TID251 - the other call is checked meanwhile
        return "stupid" not in text

    async def no_secret(text: str, _session: object) -> bool:
        await asyncio.sleep(0)  # noqa: TID251 - as above
        return "secret" not in text

    one = Policy("one", validate_input=pause, ban_message="Be polite.")
    two = Policy("two", validate_output=no_secret, ban_message="No secrets.")
    client = await serve(swarm(agent("a", echo), policies=[one, two]))
    await client.ask("hi")
    for _ in range(10):
        executed, emitted = await client.say("stupid"), await client.push("emit", message="secret")
        assert (await client.reply_of(executed))["output"] == "Be polite."
        assert (await client.reply_of(emitted))["output"] == "No secrets."


async def test_w12_a_ban_is_seen_by_every_worker_and_needs_no_session(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo), policies=[Policy("p", ban_message="No.")]), workers=2)
    names = [f"client-{n}" for n in range(20)]
    for name in names[:10]:
        await client.named(name).ask("hi")
    for name in names:
        assert (await client.named(name).do("ban", policyName="p"))["status"] == "completed"
    assert [(await client.named(name).ask("hi"))["output"] for name in names] == ["No."] * 20


async def test_w13_history_and_stack_are_capped(serve: Serve) -> None:
    one = swarm(agent("a", recall, keep_messages=4), agent("b"), stack_max=3)
    client = await serve(one, history_max=10)
    for n in range(12):
        await client.do("commit-user-message", message=f"m{n}")
    assert await client.wire.redis.llen(client.wire.name("history:support:alice")) == 10
    assert await client.answer("now") == "user: m9 | user: m10 | user: m11 | user: now"
    for _ in range(5):
        await client.do("change-agent", agentName="b")
        await client.do("change-agent", agentName="a")
    document = await client.wire.redis.hget(client.wire.name("session:support:alice"), "document")
    assert len(json.loads(document)["stack"]) == 3


async def test_w14_two_workers_serve_one_client_one_message_at_a_time(serve: Serve) -> None:
    running: list[str] = []

    async def alone(request: CompletionRequest) -> str:
        running.append(request.last_user_message())
        await asyncio.to_thread(int)
        assert running == [request.last_user_message()]
        running.clear()
        return str(sum(message.role == "user" for message in request.messages))

    client = await serve(swarm(agent("a", alone, keep_messages=200)), workers=3)
    ids = [await client.say(f"m{n}") for n in range(60)]
    assert [(await client.reply_of(id_))["output"] for id_ in ids] == [str(n) for n in range(1, 61)]


async def test_w15_a_commit_never_gets_between_a_message_and_its_answer(serve: Serve) -> None:
    door = Door()
    model = Model(door.model)
    client = await serve(swarm(agent("a", completion=model)))
    await client.say("hang")
    await door.reached.wait()
    committed = await client.push("commit-assistant-message", message="committed")
    door.opened.set()
    await client.reply_of(committed)
    await client.ask("next")
    assert model.shown[1] == ["user: hang", "assistant: late", "assistant: committed", "user: next"]


async def test_w16_what_an_agent_says_that_was_left_does_not_answer_the_message(serve: Serve) -> None:
    @tool
    async def leave(turn: Turn) -> str:
        await turn.change_agent("b")
        return "what a said at last"

    client = await serve(swarm(agent("a", call("leave"), "never asked", tools=[leave]), agent("b", "b here")))
    reply = await client.ask("hi")
    assert (reply["output"], reply["agentName"]) == ("b here", "b")


async def test_w16_each_message_has_one_reply_with_the_answer_to_itself(serve: Serve) -> None:
    @tool
    async def ask_twice(turn: Turn) -> Any:
        return [await turn.execute("inner one"), await turn.execute("inner two")]

    def answer(request: CompletionRequest) -> Any:
        return call("ask_twice") if request.last_user_message() == "go" else echo(request)

    client = await serve(swarm(agent("a", answer, tools=[ask_twice])))
    ids = [await client.say("go"), await client.say("next")]
    assert [(await client.reply_of(id_))["output"] for id_ in ids] == ["inner two", "next"]
