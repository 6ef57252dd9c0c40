"""What goes into the history without an answer (spec, sections 3.6 and 7.10)."""

import json
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, contents, events_of, records_of, reply_of, swarm_of
from worker import AgentCallbacks, Message
from worker.completions import EchoCompletion, ScriptedCompletion
from worker.core.history import message_of


def plain(*lines: str, **options: Any) -> Stage:
    return Stage(swarm_of(agent("a", ScriptedCompletion(lines), **options)))


def shown(stage: Stage) -> list[str]:
    script = stage.swarm.agents[0].completion
    assert isinstance(script, ScriptedCompletion)
    return contents(script.requests[-1].messages)


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
async def test_a_committed_message_is_in_the_next_view_and_nobody_answers_it(role: str) -> None:
    stage = plain("ok")
    finished = await stage.send(f"commit-{role}-message", message=" note ")
    reply = reply_of(finished)
    assert (reply.status, reply.output) == ("completed", "")
    assert records_of(finished) == [(role, "note")]
    assert [json.loads(event)["input"] for event in finished.events] == [{"message": " note "}]
    await stage.say("hi")
    assert "note" in shown(stage)


async def test_a_user_message_carries_mode_and_payload() -> None:
    finished = await plain().send("commit-user-message", message="x", payload={"a": 1})
    assert message_of(finished.records[0]) == Message("user", "x", "a", "user", payload={"a": 1})
    finished = await plain().send("commit-user-message", message="x", mode="tool", payload={"a": 1})
    assert message_of(finished.records[0]) == Message("user", "x", "a", "tool")


async def test_requested_calls_and_their_outputs_form_a_pair() -> None:
    stage = plain("ok")
    finished = await stage.send(
        "commit-tool-request", request=[{"toolName": "look", "params": {"n": 1}}, {"toolName": "look", "params": {}}]
    )
    ids = json.loads(reply_of(finished).output)
    assert len(set(ids)) == 2
    assert events_of(finished, "commit-tool-request")[0]["input"]["request"][0] == {
        "toolName": "look",
        "params": {"n": 1},
    }
    await stage.send("commit-tool-output", toolId=ids[1], content="  found ")
    await stage.say("hi")
    script = stage.swarm.agents[0].completion
    assert isinstance(script, ScriptedCompletion)
    call, output, _ = script.requests[0].messages
    assert [(one.id, one.name) for one in call.tool_calls] == [(ids[1], "look")]
    assert (output.tool_call_id, output.content) == (ids[1], "  found ")


async def test_a_flush_hides_what_was_before() -> None:
    stage = plain("one", "two")
    await stage.say("first")
    finished = await stage.send("commit-flush")
    assert records_of(finished) == [("flush", "")]
    await stage.say("second")
    assert shown(stage) == ["second"]


async def test_stopping_tools_of_an_idle_session_is_only_an_event() -> None:
    finished = await plain().send("commit-stop-tools")
    assert (finished.records, finished.status, len(finished.events)) == ([], "completed", 1)


@pytest.mark.parametrize("kind", ["commit-system-message", "commit-assistant-message", "commit-flush"])
async def test_a_commit_for_another_agent_is_skipped(kind: str) -> None:
    body = {"agentName": "b"} | ({"message": "x"} if "message" in kind else {})
    finished = await plain().send(kind, **body)
    assert reply_of(finished).skipped
    assert (finished.records, finished.events) == ([], [])


async def test_the_agent_is_told_before_the_record_is_made() -> None:
    told: list[str] = []
    callbacks = AgentCallbacks(
        on_user_message=lambda _turn, text: told.append(f"user {text}"),
        on_system_message=lambda _turn, text: told.append(f"system {text}"),
        on_developer_message=lambda _turn, text: told.append(f"developer {text}"),
        on_assistant_message=lambda _turn, text: told.append(f"assistant {text}"),
        on_tool_output=lambda _turn, call_id, text: told.append(f"output {call_id} {text}"),
        on_tool_request=lambda _turn, calls: told.append(f"request {calls[0].name}"),
        on_flush=lambda _turn: told.append("flush"),
    )
    stage = Stage(swarm_of(agent("a", EchoCompletion(), callbacks=callbacks)))
    for role in ("user", "system", "developer", "assistant"):
        await stage.send(f"commit-{role}-message", message="x")
    await stage.send("commit-tool-output", toolId="1", content="x")
    await stage.send("commit-tool-request", request=[{"toolName": "look", "params": {}}])
    await stage.send("commit-flush")
    assert told == ["user x", "system x", "developer x", "assistant x", "output 1 x", "request look", "flush"]
