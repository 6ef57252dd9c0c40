"""Tool calls of a turn (spec, sections 7.2 and 7.3; decisions D3, D4, D16)."""

import asyncio
import json
import threading
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, contents, records_of, reply_of, swarm_of
from worker import (
    AgentCallbacks,
    CompletionMessage,
    SessionInfo,
    Texts,
    Tool,
    ToolCall,
    ToolCallbacks,
    ToolSpec,
    Turn,
    tool,
)
from worker.completions import RuleCompletion, ScriptedCompletion

SORRY = Texts(placeholders=["Sorry?"])


def stage(lines: list[Any], *tools: Tool, swarm: dict[str, Any] | None = None, **options: Any) -> Stage:
    script = lines if not isinstance(lines, list) else ScriptedCompletion(lines)
    return Stage(swarm_of(agent("a", script, tools=tools, **options), texts=SORRY, **(swarm or {})))


def script_of(on: Stage) -> ScriptedCompletion:
    script = on.swarm.agents[0].completion
    assert isinstance(script, ScriptedCompletion)
    return script


@tool
async def order_status(turn: Turn, order_id: int) -> str:
    """Look up where an order is."""
    return f"{turn.client_id}'s order {order_id + 0} is on its way."


async def test_what_a_tool_returns_is_its_output_and_the_model_is_asked_again() -> None:
    on = stage([ToolCall("1", "order_status", {"order_id": "42"}), "It comes."], order_status)
    finished = await on.send("execute", message="Where is 42?")
    assert reply_of(finished).output == "It comes."
    assert records_of(finished) == [
        ("user", "Where is 42?"),
        ("assistant", ""),
        ("tool", "alice's order 42 is on its way."),
        ("assistant", "It comes."),
    ]
    second = script_of(on).requests[1]
    assert second.messages[-1].tool_call_id == second.messages[-2].tool_calls[0].id == "1"


async def test_the_model_is_shown_name_description_and_schema() -> None:
    on = stage(["ok"], order_status)
    await on.say("hi")
    spec = script_of(on).requests[0].tools[0]
    assert (spec.name, spec.description) == ("order_status", "Look up where an order is.")
    assert spec.parameters["required"] == ["order_id"]


async def test_values_that_are_no_text_become_json() -> None:
    @tool
    async def look() -> dict[str, object]:
        return {"found": [1, True]}

    on = stage([ToolCall("1", "look"), "ok"], look)
    finished = await on.send("execute", message="hi")
    assert records_of(finished)[2] == ("tool", '{"found":[1,true]}')


async def test_a_tool_that_returns_nothing_is_reported_as_done() -> None:
    @tool
    async def note() -> None:
        pass

    on = stage([ToolCall("1", "note"), "ok"], note)
    finished = await on.send("execute", message="hi")
    assert records_of(finished)[2] == ("tool", "Done.")


async def test_a_sync_tool_runs_in_a_thread() -> None:
    @tool
    def where() -> str:
        return "main" if threading.current_thread() is threading.main_thread() else "thread"

    finished = await stage([ToolCall("1", "where"), "ok"], where).send("execute", message="hi")
    assert records_of(finished)[2] == ("tool", "thread")


async def test_missing_ids_are_filled_in() -> None:
    finished = await stage([ToolCall("", "order_status", {"order_id": 1}), "ok"], order_status).send(
        "execute", message="hi"
    )
    call, output = json.loads(finished.records[1]), json.loads(finished.records[2])
    assert call["tool_calls"][0]["id"] == output["tool_call_id"]
    assert output["tool_call_id"].startswith("call_")


def counting(name: str, ran: list[str]) -> Tool:
    async def run() -> str:
        ran.append(name)
        return name

    return tool(name=name)(run)


async def test_by_default_only_the_last_call_is_made() -> None:
    ran: list[str] = []
    tools = [counting(name, ran) for name in "abc"]
    await stage([[ToolCall(name, name) for name in "abc"], "ok"], *tools).say("hi")
    assert ran == ["c"]


async def test_with_a_limit_of_two_the_last_two_are_made_in_order() -> None:
    ran: list[str] = []
    tools = [counting(name, ran) for name in "abc"]
    finished = await stage([[ToolCall(name, name) for name in "abc"], "ok"], *tools, max_tool_calls=2).send(
        "execute", message="hi"
    )
    assert ran == ["b", "c"]
    assert [call["id"] for call in json.loads(finished.records[1])["tool_calls"]] == ["b", "c"]


async def test_with_a_limit_of_zero_the_text_is_the_answer() -> None:
    line = CompletionMessage("just text", [ToolCall("1", "order_status", {"order_id": 1})])
    assert (await stage([line], order_status, max_tool_calls=0).say("hi")).output == "just text"


@pytest.mark.parametrize(
    "call",
    [ToolCall("1", "unknown"), ToolCall("1", "order_status", {"order_id": "x"}), ToolCall("1", "order_status", {})],
)
async def test_a_call_that_can_not_be_made_gives_a_placeholder_and_nothing_runs(call: ToolCall) -> None:
    ran: list[str] = []
    on = stage([[ToolCall("0", "b"), call]], order_status, counting("b", ran), max_tool_calls=2)
    reply = await on.say("hi")
    assert (reply.status, reply.output, ran) == ("completed", "Sorry?", [])


async def test_every_call_is_validated_before_any_is_begun() -> None:
    told: list[str] = []

    def check(call: ToolCall, _session: SessionInfo) -> bool:
        return call.id != "2"

    callbacks = ToolCallbacks(
        on_validate=lambda _turn, call: told.append(f"validate {call.id}"),
        on_before_call=lambda _turn, call: told.append(f"before {call.id}"),
    )

    async def run() -> str:
        return "ran"

    guarded = tool(name="guarded", validate=check, callbacks=callbacks)(run)
    reply = await stage([[ToolCall("1", "guarded"), ToolCall("2", "guarded")]], guarded, max_tool_calls=2).say("hi")
    assert (reply.output, told) == ("Sorry?", ["validate 1", "validate 2"])


async def test_a_validation_that_raises_counts_as_a_no() -> None:
    def fail(_call: ToolCall, _session: SessionInfo) -> bool:
        raise OSError

    on = stage([ToolCall("1", "b")], tool(name="b", validate=fail)(lambda: "ran"))
    assert (await on.say("hi")).output == "Sorry?"
    assert on.port.notes == ["validator_error"]


async def test_a_throwing_tool_fails_the_turn_and_ends_the_batch() -> None:
    ran: list[str] = []
    told: list[str] = []

    async def fail() -> str:
        raise OSError("secret")

    failing = tool(
        name="fail", callbacks=ToolCallbacks(on_call_error=lambda _turn, call, error: told.append(f"{call.id} {error}"))
    )(fail)
    on = stage(
        [[ToolCall("1", "fail"), ToolCall("2", "b")]],
        failing,
        counting("b", ran),
        max_tool_calls=2,
        callbacks=AgentCallbacks(on_tool_error=lambda _turn, name, error: told.append(f"{name} {error}")),
    )
    reply = await on.say("hi")
    assert (reply.status, reply.output, ran) == ("failed", "Sorry?", [])
    assert reply.error is not None
    assert reply.error.message == "tool 'fail' of agent 'a' raised OSError"
    assert told == ["1 secret", "fail secret"]


async def test_a_tool_that_takes_too_long_fails_the_turn() -> None:
    @tool(timeout_s=0.01)
    async def hang() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    reply = await stage([ToolCall("1", "hang")], hang).say("hi")
    assert reply.error is not None
    assert reply.error.message == "tool 'hang' of agent 'a' took longer than its time limit"


async def test_a_tool_that_is_not_available_is_neither_shown_nor_called() -> None:
    hidden = tool(name="hidden", is_available=lambda _session: False)(lambda: "ran")
    on = stage([ToolCall("1", "hidden")], hidden, order_status)
    assert (await on.say("hi")).output == "Sorry?"
    assert [spec.name for spec in script_of(on).requests[0].tools] == ["order_status"]


async def test_availability_that_can_not_be_found_out_fails_the_turn() -> None:
    def fail(_session: SessionInfo) -> bool:
        raise OSError

    on = stage(["ok"], tool(name="b", is_available=fail)(lambda: "ran"))
    assert (await on.say("hi")).status == "failed"
    assert script_of(on).requests[0].tools == ()


async def test_tools_keep_their_order_whichever_availability_is_known_first() -> None:
    second_done = asyncio.Event()

    async def slow(_session: SessionInfo) -> bool:
        await second_done.wait()
        return True

    async def fast(_session: SessionInfo) -> bool:
        second_done.set()
        return True

    tools = [tool(name=name, is_available=check)(lambda: "x") for name, check in (("one", slow), ("two", fast))]
    on = stage(["ok"], *tools)
    await on.say("hi")
    assert [spec.name for spec in script_of(on).requests[0].tools] == ["one", "two"]


async def test_a_tool_may_be_described_anew_in_each_session() -> None:
    def describe(session: SessionInfo) -> ToolSpec:
        return ToolSpec(f"look_for_{session.client_id}", "", {})

    ran: list[str] = []

    async def look() -> str:
        ran.append("looked")
        return "found"

    on = stage([ToolCall("1", "look_for_alice"), "ok"], tool(describe=describe)(look))
    assert (await on.say("hi")).output == "ok"
    assert ran == ["looked"]


async def test_a_tool_that_stops_the_batch_is_the_last_one() -> None:
    ran: list[str] = []

    @tool
    async def stop(turn: Turn) -> str:
        await turn.commit_stop_tools()
        return "stopped"

    on = stage([[ToolCall("1", "stop"), ToolCall("2", "b")], "ok"], stop, counting("b", ran), max_tool_calls=2)
    assert (await on.say("hi")).output == "ok"
    assert ran == []
    assert [len(message.tool_calls) for message in script_of(on).requests[1].messages] == [0, 1, 0]


async def test_a_tool_that_executes_gives_the_answer() -> None:
    nested: list[str] = []

    @tool
    async def ask(turn: Turn) -> None:
        await turn.commit_tool_output(turn.tool_call_id, "looked")
        nested.append(await turn.execute("What did you find?"))

    on = stage([ToolCall("1", "ask"), "I found it."], ask)
    finished = await on.send("execute", message="hi")
    assert reply_of(finished).output == "I found it."
    assert nested == ["I found it."]
    assert contents(script_of(on).requests[1].messages) == ["hi", "", "looked", "What did you find?"]
    assert script_of(on).requests[1].mode == "tool"


async def test_a_tool_that_emits_and_returns_nothing_has_answered() -> None:
    @tool
    async def tell(turn: Turn) -> None:
        await turn.emit("Here it is.")

    on = stage([ToolCall("1", "tell")], tell)
    assert (await on.say("hi")).output == "Here it is."
    assert [(item["type"], item["data"], item["agentName"]) for item in on.port.sent] == [("emit", "Here it is.", "a")]


async def test_a_tool_that_emits_and_returns_text_lets_the_model_answer() -> None:
    @tool
    async def tell(turn: Turn) -> str:
        await turn.emit("One moment.")
        return "found"

    assert (await stage([ToolCall("1", "tell"), "There."], tell).say("hi")).output == "There."


async def test_a_tool_that_cancels_ends_the_turn_as_cancelled() -> None:
    @tool
    async def cancel(turn: Turn) -> str:
        await turn.cancel_output()
        return "x"

    finished = await stage([ToolCall("1", "cancel")], cancel).send("execute", message="hi")
    reply = reply_of(finished)
    assert (reply.status, reply.output) == ("cancelled", "")
    assert json.loads(finished.events[-1])["output"] == {"status": "cancelled"}


async def test_a_tool_that_executes_itself_for_ever_meets_the_limit() -> None:
    asked: list[str] = []

    @tool
    async def again(turn: Turn) -> None:
        asked.append(turn.tool_call_id)
        await turn.execute("again")

    rules = RuleCompletion([(".*", ToolCall("", "again"))])
    on = Stage(swarm_of(agent("a", rules, tools=[again]), texts=SORRY, max_nested_executions=3))
    reply = await on.say("go")
    assert (reply.status, reply.output) == ("failed", "Sorry?")
    assert len(asked) == 3


async def test_a_model_that_calls_tools_for_ever_meets_the_limit() -> None:
    ran: list[str] = []
    on = stage([ToolCall("", "b")] * 10, counting("b", ran), swarm={"max_nested_executions": 4})
    assert (await on.say("go")).status == "failed"
    assert len(ran) == 4


async def test_calls_may_be_mapped_and_dropped() -> None:
    ran: list[str] = []
    on = stage(
        [[ToolCall("1", "b"), ToolCall("2", "b")], "ok"],
        counting("b", ran),
        max_tool_calls=2,
        map_tool_calls=lambda calls, _session: calls[:1],
    )
    await on.say("hi")
    assert ran == ["b"]


async def test_after_the_batch_the_agent_is_told_of_its_calls() -> None:
    told: list[list[str]] = []
    after: list[str] = []
    on = stage(
        [ToolCall("1", "order_status", {"order_id": 1}), "ok"],
        tool(
            name="order_status",
            callbacks=ToolCallbacks(on_after_call=lambda _turn, call, text: after.append(f"{call.id} {text}")),
        )(order_status.function),
        callbacks=AgentCallbacks(
            on_after_tool_calls=lambda _turn, calls: told.append([call.id for call in calls]),
            on_tool_output=lambda _turn, call_id, text: after.append(f"{call_id} {text}"),
        ),
    )
    await on.say("hi")
    assert told == [["1"]]
    assert after == ["1 alice's order 1 is on its way."] * 2


async def test_the_call_of_a_tool_knows_its_place_in_the_batch() -> None:
    seen: list[tuple[str, bool]] = []

    @tool
    async def look(turn: Turn) -> str:
        seen.append((turn.tool_call_id, turn.is_last_call))
        return "x"

    await stage([[ToolCall("1", "look"), ToolCall("2", "look")], "ok"], look, max_tool_calls=2).say("hi")
    assert seen == [("1", False), ("2", True)]


async def test_every_tool_and_every_further_question_waits_for_permission() -> None:
    on = stage([ToolCall("1", "order_status", {"order_id": 1}), "ok"], order_status)
    await on.say("hi")
    assert on.port.calls == ["fresh", "permit", "flush", "permit", "flush"]
