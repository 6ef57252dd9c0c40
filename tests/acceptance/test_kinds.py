"""Every kind of request, at least once, with the reply and the traces that the protocol promises."""

import json
from typing import Any

import pytest

from tests.acceptance.app import SORRY
from tests.acceptance.wire import Wire

#: kinds that put something into the history -> (body, what the model is shown of it)
COMMITS: dict[str, tuple[dict[str, Any], str]] = {
    "commit-user-message": ({"message": "I moved house"}, "user: I moved house"),
    "commit-system-message": ({"message": "Speak French"}, "system: Speak French"),
    "commit-developer-message": ({"message": "Be brief"}, "developer: Be brief"),
    "commit-assistant-message": ({"message": "I called you"}, "assistant: I called you"),
}


@pytest.mark.parametrize(("kind", "body", "shown"), [(kind, *rest) for kind, rest in COMMITS.items()], ids=COMMITS)
async def test_a_commit_goes_to_the_history_and_asks_no_model(
    kind: str, body: dict[str, Any], shown: str, wire: Wire, alice: str
) -> None:
    reply = await wire.do(alice, "support", kind, body)
    assert (reply["status"], reply["output"], reply["turn"]) == ("completed", "", 1)
    (event,) = await wire.events_of(reply["requestId"])
    assert (event["type"], event["source"], event["input"]) == (kind, "session-bus", body)
    lines = (await wire.ask(alice, "support", "recall"))["output"].splitlines()
    assert lines == ["system: You are triage.", shown, "user: recall"]


async def test_a_tool_request_gets_ids_that_its_outputs_name(wire: Wire, alice: str) -> None:
    asked = {"request": [{"toolName": "look_up", "params": {"order": 42}}]}
    request = await wire.do(alice, "support", "commit-tool-request", asked)
    (tool_id,) = json.loads(request["output"])
    assert request["status"] == "completed"
    given = {"toolId": tool_id, "content": "on its way"}
    assert (await wire.do(alice, "support", "commit-tool-output", given))["output"] == ""
    shown = (await wire.ask(alice, "support", "recall"))["output"]
    assert "tool: on its way" in shown.splitlines()
    assert [event["input"] for event in await wire.events_of(request["requestId"])] == [asked]


async def test_a_flush_hides_what_was_said_before(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    assert (await wire.do(alice, "support", "commit-flush"))["status"] == "completed"
    assert (await wire.ask(alice, "support", "recall"))["output"] == "system: You are triage.\nuser: recall"


async def test_stopping_tools_that_do_not_run_is_fine(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "support", "commit-stop-tools")
    assert (reply["status"], reply["output"]) == ("completed", "")
    assert [event["type"] for event in await wire.events_of(reply["requestId"])] == ["commit-stop-tools"]


async def test_connect_opens_the_session(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "support", "connect")
    assert (reply["status"], reply["output"], reply["agentName"], reply["turn"]) == ("completed", "", "triage", 1)
    (event,) = await wire.events_of(reply["requestId"])
    assert (event["type"], event["source"], event["input"]) == ("connect", "session-bus", {})
    assert (await wire.ask(alice, "support", "Hello"))["turn"] == 2


async def test_run_leaves_no_trace_in_the_conversation(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    reply = await wire.do(alice, "support", "run", {"message": "what is the time?"})
    assert (reply["status"], reply["output"], reply["turn"]) == ("completed", "triage: what is the time?", 2)
    assert "run" in [event["type"] for event in await wire.events_of(reply["requestId"])]
    assert "time" not in (await wire.ask(alice, "support", "recall"))["output"]


async def test_run_asks_no_policy(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "guarded", "run", {"message": "you stupid secret"})
    assert (reply["status"], reply["output"]) == ("completed", "helper: you stupid secret")


async def test_complete_answers_in_a_session_of_its_own(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "count")
    first = await wire.do(alice, "support", "complete", {"message": "recall"})
    assert (first["status"], first["output"]) == ("completed", "system: You are triage.\nuser: recall")
    assert (await wire.do(alice, "support", "complete", {"message": "count"}))["output"] == "counted 1"
    assert (await wire.ask(alice, "support", "count"))["output"] == "counted 2"
    kinds = [event["type"] for event in await wire.events_of(first["requestId"])]
    assert kinds == ["commit-execution-begin", "execute", "dispose", "commit-execution-end"]


async def test_complete_leaves_no_session_where_there_was_none(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "support", "complete", {"message": "Hello"})
    assert (reply["status"], reply["output"]) == ("completed", "triage: Hello")
    assert await wire.keys_of(alice) == []


async def test_the_agent_can_be_changed_and_changed_back(wire: Wire, alice: str) -> None:
    assert (await wire.do(alice, "support", "change-agent", {"agentName": "sales"}))["output"] == "true"
    assert (await wire.ask(alice, "support", "Hello"))["output"] == "sales: Hello"
    assert (await wire.do(alice, "support", "change-agent", {"agentName": "refunds"}))["output"] == "true"
    assert (await wire.ask(alice, "support", "Hello"))["agentName"] == "refunds"
    assert (await wire.do(alice, "support", "change-to-prev-agent"))["output"] == "true"
    assert (await wire.ask(alice, "support", "Hello"))["output"] == "sales: Hello"
    assert (await wire.do(alice, "support", "change-to-default-agent"))["output"] == "true"
    assert (await wire.ask(alice, "support", "Hello"))["output"] == "triage: Hello"


async def test_nobody_goes_to_an_agent_of_another_swarm(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "support", "change-agent", {"agentName": "parrot"})
    assert (reply["status"], reply["output"]) == ("completed", "false")
    assert (await wire.ask(alice, "support", "Hello"))["output"] == "triage: Hello"


async def test_there_is_no_way_back_before_the_first_change(wire: Wire, alice: str) -> None:
    assert (await wire.do(alice, "support", "change-to-prev-agent"))["output"] == "false"


async def test_an_agent_hands_the_conversation_over(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", "go to refunds")
    assert (reply["output"], reply["agentName"]) == ("refunds is here", "refunds")
    assert (await wire.ask(alice, "support", "Hello"))["output"] == "refunds: Hello"


async def test_an_event_of_the_application_is_published_as_it_is(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    async with wire.listen(wire.bus_channel(alice)) as bus:
        reply = await wire.do(alice, "support", "event", {"topic": "order.paid", "payload": {"orders": [42, None]}})
        event = await bus.next()
    assert (reply["status"], reply["output"]) == ("completed", "")
    assert event == {
        "source": "order.paid",
        "payload": {"orders": [42, None]},
        "clientId": alice,
        "requestId": reply["requestId"],
        "turn": event["turn"],
        "attempt": 1,
        "atMs": event["atMs"],
    }
    assert await wire.events_of(reply["requestId"]) == [event]


async def test_a_topic_can_not_pass_for_the_system(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    reply = await wire.do(alice, "support", "event", {"topic": "session-bus", "payload": None})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "bad_request")


@pytest.mark.parametrize(
    ("kind", "body"),
    [("emit", {"message": "Hello"}), ("notify", {"message": "Hello"}), ("ban", {"policyName": "polite"})],
)
async def test_control_where_there_never_was_a_turn_has_the_number_of_none(
    kind: str, body: dict[str, str], wire: Wire, alice: str
) -> None:
    reply = await wire.do(alice, "guarded", kind, body)
    assert (reply["status"], reply["turn"], reply["agentName"]) == ("completed", None, None)
    if kind == "ban":
        (event,) = await wire.events_of(reply["requestId"])
        assert (event["type"], event["turn"]) == ("ban-client", None)


@pytest.mark.parametrize("kind", ["emit", "notify"])
async def test_a_server_sends_text_to_the_client(kind: str, wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        reply = await wire.do(alice, "support", kind, {"message": "Your parcel is here"})
        item, terminal = await listener.next(), await listener.next()
    assert item == {
        "v": 1,
        "type": kind,
        "seq": item["seq"],
        "data": "Your parcel is here",
        "agentName": "triage",
        "clientId": alice,
        "swarmName": "support",
        "requestId": reply["requestId"],
    }
    assert (reply["status"], reply["output"]) == ("completed", "")
    assert terminal == reply
    assert (await wire.outbox(alice, "support"))[1:] == [item, reply]
    assert "parcel" not in (await wire.ask(alice, "support", "recall"))["output"]


async def test_an_emit_is_one_event_and_a_notify_none(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    async with wire.listen(wire.bus_channel(alice)) as bus:
        await wire.do(alice, "support", "notify", {"message": "one"})
        emit = await wire.do(alice, "support", "emit", {"message": "two"})
        event = await bus.next()
        after = await wire.ask(alice, "support", "Hello")
        assert (await bus.next())["requestId"] == after["requestId"]
    assert (event["type"], event["source"], event["input"]) == ("emit", "session-bus", {"message": "two"})
    assert event["requestId"] == emit["requestId"]


async def test_cancel_output_with_nothing_to_cancel_is_fine(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    reply = await wire.do(alice, "support", "cancel-output")
    assert (reply["status"], reply["output"]) == ("completed", "")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("event", {"topic": "order.paid", "payload": 42}),
        ("emit", {"message": "Hello"}),
        ("notify", {"message": "Hello"}),
        ("cancel-output", None),
        ("dispose", None),
    ],
)
async def test_without_a_session_nothing_is_done_and_no_key_is_left(
    kind: str, body: dict[str, Any] | None, wire: Wire, alice: str
) -> None:
    async with wire.listen(wire.client_channel(alice, "support"), wire.bus_channel(alice)) as listener:
        reply = await wire.do(alice, "support", kind, body)
        assert (reply["status"], reply["output"], reply["error"]) == ("completed", "", None)
        heard = await listener.until_reply(reply["requestId"])
    assert [item["type"] for item in heard] == ([kind] if kind in ("emit", "notify") else []) + ["reply"]
    assert heard[-1] == reply
    assert await wire.keys_of(alice) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("execute", {"message": "Hello"}),
        ("emit", {"message": "Hello"}),
        ("notify", {"message": "Hello"}),
        ("cancel-output", {}),
        ("commit-user-message", {"message": "Hello"}),
        ("commit-system-message", {"message": "Hello"}),
        ("commit-developer-message", {"message": "Hello"}),
        ("commit-assistant-message", {"message": "Hello"}),
        ("commit-tool-output", {"toolId": "call_1", "content": "Hello"}),
        ("commit-tool-request", {"request": []}),
        ("commit-flush", {}),
        ("commit-stop-tools", {}),
    ],
)
async def test_a_request_for_an_agent_that_is_not_active_is_skipped(
    kind: str, body: dict[str, Any], wire: Wire, alice: str
) -> None:
    await wire.do(alice, "support", "change-agent", {"agentName": "sales"})
    reply = await wire.do(alice, "support", kind, body | {"agentName": "triage"})
    assert (reply["status"], reply["output"], reply["skipped"], reply["error"]) == ("completed", "", True, None)
    assert (await wire.ask(alice, "support", "recall"))["output"] == "system: You are sales.\nuser: recall"
    done = await wire.do(alice, "support", kind, body | {"agentName": "sales"})
    assert "skipped" not in done


async def test_execute_in_tool_mode_names_the_agent_in_its_events(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "support", "execute", {"message": "Hello", "mode": "tool"})
    assert reply["output"] == "triage: Hello"
    begin, execute, end = await wire.events_of(reply["requestId"])
    assert execute["input"] == {"message": "Hello", "mode": "tool"}
    for event in (begin, end):
        assert event["context"] == {"swarmName": "support", "agentName": "triage"}


async def test_the_words_of_a_request_are_kept_as_they_are(wire: Wire, alice: str) -> None:
    said = 'Grüße 🐝 "quoted" \\ back\tslash\u2028 \x7f </script> \u0000 %s ${x}'
    reply = await wire.do(alice, "echo", "execute", {"message": said, "payload": {"deep": [1, 2.5, None, "ü"]}})
    assert reply["output"] == f"You said: {said}"
    (_, execute, _) = await wire.events_of(reply["requestId"])
    assert execute["input"]["message"] == said


async def test_a_guess_at_an_answer_is_never_empty(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "support", "run", {"message": "fail"})
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
