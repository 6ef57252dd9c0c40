"""What a tool may do with its turn: states, memory, history, texts."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, events_of, swarm_of
from worker import Policy, State, ToolCall, Turn, tool
from worker.completions import ScriptedCompletion


async def in_tool(body: Callable[[Turn], Awaitable[Any]], **options: Any) -> tuple[Any, Any, Stage]:
    """Run `body` inside a tool of a turn; return what it returned, how the turn ended, and the stage."""
    made: list[Any] = []

    @tool
    async def act(turn: Turn) -> str:
        made.append(await body(turn))
        return "done"

    agent_options = options.pop("agent_options", {})
    script = ScriptedCompletion([ToolCall("1", "act"), "ok"])
    stage = Stage(swarm_of(agent("a", script, tools=[act], **agent_options), **options))
    finished = await stage.send("execute", message="hi", payload={"lang": "en"})
    assert finished.status == "completed", finished.error
    return made[0], finished, stage


async def test_a_state_starts_at_its_default_and_is_committed_with_the_turn() -> None:
    async def body(turn: Turn) -> Any:
        state = turn.state("count")
        before = await state.get()
        return before, await state.set(lambda old: old + 1), await state.get()  # type: ignore[operator]

    made, finished, stage = await in_tool(body, states=[State("count", default=41)])
    assert made == (41, 42, 42)
    assert json.loads(finished.document) == {"states": {"count": 42}}
    assert stage.session.states == {"count": 42}


async def test_an_undeclared_state_starts_as_none() -> None:
    async def body(turn: Turn) -> Any:
        return await turn.state("anything").get()

    assert (await in_tool(body))[0] is None


async def test_an_agent_that_lists_states_may_use_no_others() -> None:
    async def body(turn: Turn) -> str:
        try:
            turn.state("other")
        except Exception as error:  # noqa: BLE001 - it is looked at
            return type(error).__name__
        return ""

    assert (await in_tool(body, agent_options={"states": ["mine"]}))[0] == "UnknownStateError"


async def test_updates_that_nobody_awaited_yet_apply_in_order() -> None:
    async def body(turn: Turn) -> Any:
        def adding(n: int) -> Callable[[Any], Awaitable[Any]]:
            async def add(old: Any) -> Any:
                await asyncio.sleep(0 if n % 3 else 0.0001)  # noqa: TID251 - lets others try to overtake
                return [*(old or []), n]

            return add

        tasks = [asyncio.create_task(turn.state("list").set(adding(n))) for n in range(50)]  # type: ignore[arg-type]
        await asyncio.sleep(0)  # noqa: TID251 - all of them stand in line
        seen = await turn.state("list").get()
        await asyncio.gather(*tasks)
        return seen

    assert (await in_tool(body))[0] == list(range(50))


async def test_reading_inside_an_update_sees_the_old_value_and_does_not_hang() -> None:
    async def body(turn: Turn) -> Any:
        state = turn.state("n")
        await state.set(lambda _old: 1)
        seen: list[Any] = []

        async def update(old: Any) -> Any:
            seen.append(await state.get())
            return old + 1

        await state.set(update)
        return seen, await state.get()

    assert (await in_tool(body))[0] == ([1], 2)


async def test_middlewares_run_after_the_update_in_order_but_not_on_clear() -> None:
    async def body(turn: Turn) -> Any:
        state = turn.state("s")
        return await state.set(lambda old: old + "u"), await state.clear()  # type: ignore[operator]

    async def second(value: Any) -> Any:
        return value + "2"

    state = State("s", default="d", middlewares=[lambda value: value + "1", second])  # type: ignore[operator, list-item]
    assert (await in_tool(body, states=[state]))[0] == ("du12", "d")


async def test_what_was_read_can_be_changed_without_changing_the_state() -> None:
    async def body(turn: Turn) -> Any:
        state = turn.state("s")
        await state.set(lambda _old: {"list": [1]})
        value: Any = await state.get()
        value["list"].append(2)
        return await state.get()

    assert (await in_tool(body))[0] == {"list": [1]}


async def test_a_value_that_is_no_json_changes_nothing() -> None:
    async def body(turn: Turn) -> Any:
        with pytest.raises(TypeError):
            await turn.state("s").set(lambda _old: object())  # type: ignore[arg-type, return-value]
        return await turn.state("s").get()

    assert (await in_tool(body))[0] is None


async def test_states_have_events_of_their_own() -> None:
    async def body(turn: Turn) -> None:
        await turn.state("s").set(lambda _old: 1)
        await turn.state("s").get()
        await turn.state("s").clear()

    _, finished, _ = await in_tool(body, bus="all")
    found = [events_of(finished, kind)[0] for kind in ("set-state", "get-state", "clear-state")]
    assert [event["output"] for event in found] == [{"state": 1}, {"state": 1}, {"state": None}]
    assert found[0]["context"] == {"stateName": "s"}
    assert found[0]["source"] == "state-bus"


async def test_memory_is_merged_and_committed() -> None:
    async def body(turn: Turn) -> Any:
        turn.remember({"a": 1, "b": 1})
        turn.remember({"b": 2})
        return turn.memory()

    made, finished, _ = await in_tool(body)
    assert made == {"a": 1, "b": 2}
    assert json.loads(finished.document) == {"memory": {"a": 1, "b": 2}}


async def test_a_tool_knows_whom_it_serves() -> None:
    async def body(turn: Turn) -> Any:
        return (
            turn.client_id,
            turn.swarm_name,
            turn.agent_name,
            turn.request_id,
            turn.attempt,
            turn.payload,
            turn.deadline,
        )

    assert (await in_tool(body))[0] == ("alice", "support", "a", "r-1", 1, {"lang": "en"}, None)


async def test_a_tool_may_look_back_and_add_to_the_history() -> None:
    async def body(turn: Turn) -> Any:
        await turn.commit_user_message("by the way", mode="tool")
        await turn.commit_system_message("be quick")
        await turn.commit_developer_message("dev")
        await turn.commit_assistant_message("noted")
        ids = await turn.commit_tool_request([("look", {"n": 1})])
        await turn.commit_tool_output(ids[0], "found")
        return {
            "last": (
                turn.last_user_message(),
                turn.last_assistant_message(),
                turn.last_system_message(),
                turn.last_tool_message(),
            ),
            "user": [message.content for message in turn.user_history()],
            "assistant": len(turn.assistant_history()),
            "all": len(turn.history()),
            "agent": [message.role for message in turn.agent_history()],
        }

    made, _, _ = await in_tool(body)
    assert made == {
        "last": ("hi", "", "be quick", "found"),
        "user": ["hi"],
        "assistant": 3,
        "all": 8,
        "agent": ["system", "user", "user", "developer", "assistant", "assistant", "tool"],
    }


async def test_a_flush_by_a_tool_hides_the_past() -> None:
    async def body(turn: Turn) -> Any:
        await turn.commit_flush()
        return [message.content for message in turn.agent_history()]

    assert (await in_tool(body))[0] == []


async def test_texts_to_the_client_pass_the_output_policies_and_are_sent_at_once() -> None:
    async def body(turn: Turn) -> None:
        await turn.emit("a secret")
        await turn.notify("news")

    policy = Policy("p", validate_output=lambda text, _session: "secret" not in text, ban_message="no")
    _, _, stage = await in_tool(body, policies=[policy])
    assert [(item["type"], item["data"]) for item in stage.port.sent] == [("emit", "no"), ("notify", "news")]


async def test_a_topic_of_the_system_is_refused() -> None:
    async def body(turn: Turn) -> None:
        for topic in ("session-bus", "no spaces", ""):
            with pytest.raises(ValueError, match="topic"):
                turn.event(topic, 1)

    await in_tool(body)


async def test_a_run_inside_a_tool_leaves_no_history() -> None:
    async def body(turn: Turn) -> str:
        return await turn.run("beside")

    made: list[str] = []

    @tool
    async def act(turn: Turn) -> str:
        made.append(await body(turn))
        return "done"

    script = ScriptedCompletion([ToolCall("1", "act"), "beside!", "ok"])
    stage = Stage(swarm_of(agent("a", script, tools=[act])))
    finished = await stage.send("execute", message="hi")
    assert made == ["beside!"]
    assert not any("beside" in record for record in finished.records)
