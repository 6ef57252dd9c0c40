"""Hooks and callbacks that fail: the flow goes on, nothing hangs, and the next message works.

A hook that takes part in the answer ends its request as `failed`; a callback is only told, so it harms nobody.
"""

import asyncio
from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, agent, swarm
from tests.conformance.model import call
from worker import AgentCallbacks, Policy, PolicyCallbacks, SwarmCallbacks, ToolCallbacks, tool
from worker import Turn as AnyTurn


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a bug of the user")


async def broken_later(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a bug of the user")


@tool
async def look() -> str:
    """Look something up."""
    return "found"


@pytest.mark.parametrize("hook", [broken, broken_later])
@pytest.mark.parametrize(
    "name", ["transform", "map", "map_tool_calls", "validate", "prompt", "system_dynamic"], ids=lambda name: name
)
async def test_a_throwing_hook_fails_its_request(name: str, hook: Any, serve: Serve) -> None:
    lines = [call("look"), "answer"] if name == "map_tool_calls" else ["answer"]
    client = await serve(swarm(agent("a", *lines, lines[0], tools=[look], **{name: hook})))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
    assert name in reply["error"]["message"]
    assert "bug" not in reply["error"]["message"]


@pytest.mark.parametrize("option", ["is_available", "describe"])
async def test_a_tool_that_can_not_be_asked_is_left_out_and_the_request_fails(option: str, serve: Serve) -> None:
    shown: list[int] = []
    asked = tool(**{option: broken_later})(look.function)
    client = await serve(swarm(agent("a", lambda request: shown.append(len(request.tools)) or "fine", tools=[asked])))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"]) == ("failed", SORRY)
    assert shown == [0]


@pytest.mark.parametrize("name", ["on_validate", "on_before_call", "on_after_call"])
async def test_a_throwing_callback_of_a_tool_lets_the_flow_go_on(name: str, serve: Serve) -> None:
    watched = tool(callbacks=ToolCallbacks(**{name: broken}))(look.function)
    client = await serve(swarm(agent("a", call(watched.name), "answer", tools=[watched])))
    assert await client.answer("hi") == "answer"


async def test_a_throwing_on_call_error_of_a_throwing_tool_gives_a_placeholder(serve: Serve) -> None:
    watched = tool(name="fall", callbacks=ToolCallbacks(on_call_error=broken_later))(broken)
    client = await serve(swarm(agent("a", call("fall"), "fine", tools=[watched])))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"]) == ("failed", SORRY)
    assert await client.answer("hi") == "fine"


async def test_a_throwing_validation_of_a_tool_counts_as_failed(serve: Serve) -> None:
    called: list[str] = []

    async def guarded() -> str:
        called.append("called")
        return "found"

    checked = tool(name="guarded", validate=broken_later)(guarded)
    client = await serve(swarm(agent("a", call("guarded"), tools=[checked])))
    assert await client.answer("hi") == SORRY
    assert called == []


async def test_throwing_callbacks_of_an_agent_leave_the_answer_alone(serve: Serve) -> None:
    names = (
        "on_init",
        "on_execute",
        "on_output",
        "on_assistant_message",
        "on_tool_output",
        "on_after_tool_calls",
        "on_dispose",
    )
    callbacks = AgentCallbacks(**{name: broken_later if n % 2 else broken for n, name in enumerate(names)})
    client = await serve(swarm(agent("a", call("look"), "answer", tools=[look], callbacks=callbacks)))
    assert await client.answer("hi") == "answer"
    assert (await client.do("dispose"))["status"] == "completed"


async def test_throwing_callbacks_of_swarm_and_policy_leave_the_answer_alone(serve: Serve) -> None:
    swarm_names = ("on_init", "on_connect", "on_execute", "on_run", "on_emit", "on_agent_changed", "on_dispose")
    policy_names = ("on_validate_input", "on_validate_output", "on_ban_client", "on_unban_client")
    policy = Policy("p", callbacks=PolicyCallbacks(**dict.fromkeys(policy_names, broken)))
    callbacks = SwarmCallbacks(**dict.fromkeys(swarm_names, broken_later))
    client = await serve(swarm(agent("a", "answer"), agent("b"), policies=[policy], callbacks=callbacks))
    kinds: list[tuple[str, dict[str, str]]] = [
        ("connect", {}),
        ("execute", {"message": "hi"}),
        ("run", {"message": "hi"}),
        ("emit", {"message": "hi"}),
        ("change-agent", {"agentName": "b"}),
        ("ban", {"policyName": "p"}),
        ("unban", {"policyName": "p"}),
        ("dispose", {}),
    ]
    assert {(await client.do(kind, **body))["status"] for kind, body in kinds} == {"completed"}
    assert await client.wire.keys_of("alice") == [key for key in await client.wire.keys_of("alice") if "result" in key]


async def test_a_throwing_callback_of_the_disposal_ends_the_session_all_the_same(serve: Serve) -> None:
    callbacks = AgentCallbacks(on_dispose=broken)
    client = await serve(swarm(agent("a", "answer", callbacks=callbacks), callbacks=SwarmCallbacks(on_dispose=broken)))
    await client.ask("hi")
    await client.do("dispose")
    assert await client.wire.keys_of("alice") == []
    assert (await client.ask("hi"))["turn"] == 1


async def test_tool_callbacks_tell_validation_call_and_result_in_this_order(serve: Serve) -> None:
    told: list[str] = []

    def note(name: str) -> Any:
        def told_of(turn: AnyTurn, one: Any, *more: Any) -> None:
            told.append(" ".join([name, turn.agent_name, one.name, *map(str, more)]))

        return told_of

    names = ("on_validate", "on_before_call", "on_after_call", "on_call_error")
    watched = tool(name="look", callbacks=ToolCallbacks(**{name: note(name) for name in names}))(look.function)
    fallen = tool(name="fall", callbacks=ToolCallbacks(on_call_error=note("on_call_error")))(broken)
    client = await serve(swarm(agent("a", call("look"), "fine", call("fall"), tools=[watched, fallen])))
    await client.ask("hi")
    await client.ask("hi")
    assert told == [
        "on_validate a look",
        "on_before_call a look",
        "on_after_call a look found",
        "on_call_error a fall a bug of the user",
    ]


async def test_a_session_whose_first_request_is_skipped_is_told_of_all_the_same(serve: Serve) -> None:
    told: list[str] = []
    callbacks = SwarmCallbacks(on_init=lambda _: told.append("init"), on_dispose=lambda _: told.append("dispose"))
    client = await serve(swarm(agent("a", "answer"), agent("b"), callbacks=callbacks))
    assert (await client.ask("hi", agentName="b"))["skipped"] is True
    await client.ask("hi")
    await client.do("dispose")
    assert told == ["init", "dispose"]


@pytest.mark.parametrize("kind", ["dispose", "complete"])
async def test_a_callback_that_never_ends_holds_up_no_disposal(kind: str, serve: Serve) -> None:
    async def never(_: AnyTurn) -> None:
        await asyncio.Event().wait()

    async def silent(_: object) -> str:
        await asyncio.Event().wait()
        return "never"

    callbacks = SwarmCallbacks(on_dispose=never)
    client = await serve(swarm(agent("a", silent), callbacks=callbacks, turn_timeout_s=0.2))
    await client.do("connect")
    reply = await client.do(kind, **({"message": "hi"} if kind == "complete" else {}))
    assert (reply["status"], reply["error"]["code"]) == ("failed", "turn_timeout")
    assert [event for event in await client.trace_of(reply["requestId"]) if event.endswith("dispose")] == [
        "session-bus dispose"
    ]
    assert (await client.do("connect"))["turn"] == (1 if kind == "dispose" else 3)
