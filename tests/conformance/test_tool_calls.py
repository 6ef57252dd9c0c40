"""Which of the calls of an answer run, in which order, and what the model is shown of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, agent, swarm
from tests.conformance.model import Model, call, recall
from worker import AgentCallbacks, CompletionMessage, SessionInfo, Tool, ToolCall, ToolSpec, Turn, tool


def noting(name: str, notes: list[str], **options: Any) -> Tool:
    """Return a tool that notes its call and returns its name."""

    async def function() -> str:
        notes.append(name)
        return f"output of {name}"

    return tool(name=name, **options)(function)


def three(notes: list[str]) -> list[Tool]:
    return [noting(name, notes) for name in ("a", "b", "c")]


CALLS = [call("a"), call("b"), call("c")]


async def test_two_calls_run_in_order_and_the_last_one_asks_for_the_answer(serve: Serve) -> None:
    notes: list[str] = []

    @tool
    async def b(turn: Turn) -> None:
        notes.append("b")
        await turn.commit_tool_output(turn.tool_call_id, "output of b")
        await turn.execute("and now?")

    model = Model(CALLS[:2], "the end")
    client = await serve(swarm(agent("one", completion=model, tools=[noting("a", notes), b], max_tool_calls=2)))
    assert await client.answer("go") == "the end"
    assert notes == ["a", "b"]
    assert model.asked == ["go", "and now?"]


async def test_of_three_calls_with_a_limit_of_two_the_last_two_run(serve: Serve) -> None:
    notes: list[str] = []
    client = await serve(swarm(agent("one", CALLS, "done", tools=three(notes), max_tool_calls=2)))
    assert await client.answer("go") == "done"
    assert notes == ["b", "c"]


async def test_by_default_only_the_last_call_runs(serve: Serve) -> None:
    notes: list[str] = []
    client = await serve(swarm(agent("one", CALLS, "done", tools=three(notes))))
    assert await client.answer("go") == "done"
    assert notes == ["c"]


async def test_a_limit_of_zero_runs_no_call_and_says_the_text(serve: Serve) -> None:
    notes: list[str] = []

    both = CompletionMessage("just words", CALLS)
    client = await serve(swarm(agent("one", both, tools=three(notes), max_tool_calls=0)))
    assert await client.answer("go") == "just words"
    assert notes == []


async def test_a_navigation_beside_a_data_call_runs_alone(serve: Serve) -> None:
    notes: list[str] = []
    calls = [call("a"), call("transfer_to_two")]
    first = agent("one", calls, tools=three(notes), max_tool_calls=2, handoffs=["two"])
    client = await serve(swarm(first, agent("two", "two here")))
    assert await client.answer("go") == "two here"
    assert notes == []


async def test_stop_tools_lets_the_next_call_not_run(serve: Serve) -> None:
    notes: list[str] = []

    @tool
    async def stop(turn: Turn) -> str:
        await turn.commit_stop_tools()
        return "stopped"

    calls = [call("stop"), call("a")]
    client = await serve(swarm(agent("one", calls, "done", tools=[stop, *three(notes)], max_tool_calls=2)))
    assert await client.answer("go") == "done"
    assert notes == []


async def test_a_tool_that_is_not_available_is_not_shown_and_calling_it_gives_a_placeholder(serve: Serve) -> None:
    notes: list[str] = []
    model = Model(call("a"))
    hidden = noting("a", notes, is_available=lambda _session: False)
    client = await serve(swarm(agent("one", completion=model, tools=[hidden])))
    assert await client.answer("go") == SORRY
    assert [list(request.tools) for request in model.requests] == [[]]
    assert notes == []


async def test_a_tool_described_for_the_session_is_shown_and_called_by_that_name(serve: Serve) -> None:
    notes: list[str] = []

    def describe(session: SessionInfo) -> ToolSpec:
        return ToolSpec(f"look_up_for_{session.client_id}", "Look it up.", {"type": "object", "properties": {}})

    model = Model(call("look_up_for_alice"), "done")
    client = await serve(swarm(agent("one", completion=model, tools=[noting("a", notes, describe=describe)])))
    assert await client.answer("go") == "done"
    assert [spec.name for spec in model.requests[0].tools] == ["look_up_for_alice"]
    assert notes == ["a"]


async def test_of_two_tools_described_by_one_name_the_model_sees_the_first(serve: Serve) -> None:
    notes: list[str] = []

    def as_look(_session: SessionInfo) -> ToolSpec:
        return ToolSpec("look", "", {"type": "object"})

    model = Model(call("look"), "done")
    tools = [noting("a", notes, describe=as_look), noting("b", notes, describe=as_look)]
    client = await serve(swarm(agent("one", completion=model, tools=tools)))
    assert await client.answer("go") == "done"
    assert len(model.requests[0].tools) == 1
    assert notes == ["a"]


async def test_tools_are_offered_in_order_of_definition_however_long_the_check_takes(serve: Serve) -> None:
    def after(steps: int) -> Callable[[SessionInfo], Any]:
        async def is_available(_session: SessionInfo) -> bool:
            for _ in range(steps):
                await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(int))])
            return True

        return is_available

    notes: list[str] = []
    tools = [noting(name, notes, is_available=after(steps)) for name, steps in (("a", 3), ("b", 1), ("c", 2))]
    model = Model("fine")
    client = await serve(swarm(agent("one", completion=model, tools=tools)))
    await client.answer("go")
    assert [spec.name for spec in model.requests[0].tools] == ["a", "b", "c"]


async def test_map_tool_calls_that_drops_a_call_keeps_it_from_running(serve: Serve) -> None:
    notes: list[str] = []

    def only_b(calls: Any, _session: SessionInfo) -> Any:
        return [one for one in calls if one.name == "b"]

    client = await serve(
        swarm(agent("one", CALLS, "done", tools=three(notes), max_tool_calls=3, map_tool_calls=only_b))
    )
    assert await client.answer("go") == "done"
    assert notes == ["b"]


async def test_what_a_tool_fetched_is_a_tool_record_for_the_model(serve: Serve) -> None:
    client = await serve(swarm(agent("one", call("a"), recall, tools=three([]))))
    assert await client.answer("go") == "user: go | assistant:  | tool: output of a"


async def test_dangling_requests_and_orphan_outputs_are_hidden_from_the_model(serve: Serve) -> None:
    client = await serve(swarm(agent("one", recall)))
    await client.do("commit-tool-request", request=[{"toolName": "a", "params": {}}])
    await client.do("commit-tool-output", toolId="nobody-asked", content="an answer to nothing")
    assert await client.answer("go") == "user: go"


async def test_a_tool_knows_its_call_the_batch_and_whether_it_is_the_last(serve: Serve) -> None:
    seen: list[tuple[str, bool, str]] = []

    @tool
    async def look(turn: Turn, n: int) -> str:
        seen.append((turn.tool_call_id, turn.is_last_call, turn.client_id))
        return str(n)

    calls = [ToolCall(f"call-{n}", "look", {"n": n}) for n in (1, 2)]
    client = await serve(swarm(agent("one", calls, "done", tools=[look], max_tool_calls=2)))
    assert await client.answer("go") == "done"
    assert seen == [("call-1", False, "alice"), ("call-2", True, "alice")]


async def test_on_after_tool_calls_is_told_the_calls_that_were_chosen(serve: Serve) -> None:
    told: list[list[str]] = []
    callbacks = AgentCallbacks(on_after_tool_calls=lambda _turn, calls: told.append([one.name for one in calls]))
    client = await serve(swarm(agent("one", CALLS, "done", tools=three([]), max_tool_calls=2, callbacks=callbacks)))
    await client.answer("go")
    assert told == [["b", "c"]]


async def test_the_two_halves_of_a_commit_action_end_the_turn_in_its_words(serve: Serve) -> None:
    @tool
    async def order(turn: Turn, product: str) -> None:
        if product == "nothing":
            await turn.commit_tool_output(turn.tool_call_id, "There is no such product.")
            await turn.execute("Ask what to order.")
            return
        await turn.commit_tool_output(turn.tool_call_id, f"Ordered {product}.")
        await turn.execute("Say thank you.")

    model = Model(call("order", product="tea"), recall, call("order", product="nothing"), recall)
    client = await serve(swarm(agent("one", completion=model, tools=[order])))
    assert (await client.answer("tea please")).endswith("tool: Ordered tea. | user: Say thank you.")
    assert (await client.answer("and more")).endswith("tool: There is no such product. | user: Ask what to order.")
