"""What ours decides otherwise than the origin, where no other test of this folder shows it."""

import asyncio
from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from tests.conformance.model import Model, call, echo, recall
from worker import Agent, Policy, Texts, Turn, tool


async def test_d1_one_client_is_in_several_swarms_at_once(serve: Serve) -> None:
    both = asyncio.Barrier(2)

    async def meet(request: Any) -> str:
        await both.wait()
        return f"{request.swarm_name}: {recall(request)}"

    client = await serve(swarm(agent("a", meet)), swarm(agent("a", meet), name="other"))
    answers = await asyncio.gather(client.answer("here"), client.in_swarm("other").answer("there"))
    assert answers == ["support: user: here", "other: user: there"]


async def test_d2_what_a_nested_execute_returns_belongs_to_the_same_turn(serve: Serve) -> None:
    got: list[str] = []

    @tool
    async def ask(turn: Turn) -> None:
        got.append(await turn.execute("inner"))

    client = await serve(swarm(agent("a", call("ask"), echo, tools=[ask])))
    first, second = await client.say("go"), await client.say("next")
    assert [(await client.reply_of(id_))["output"] for id_ in (first, second)] == ["inner", "next"]
    assert got == ["inner"]


async def test_d4_a_tool_that_returns_text_has_it_committed_and_the_model_is_asked_again(serve: Serve) -> None:
    @tool
    async def look(order: int) -> str:
        return f"order {order} is on its way"

    model = Model(call("look", order=42), "It is on its way.")
    client = await serve(swarm(agent("a", completion=model, tools=[look])))
    assert await client.answer("where is 42?") == "It is on its way."
    assert model.shown[1][1:] == ["assistant: ", "tool: order 42 is on its way"]


async def test_d4_the_model_is_asked_once_after_the_last_call_of_a_batch(serve: Serve) -> None:
    @tool
    async def look(n: int) -> str:
        return f"found {n}"

    model = Model([call("look", n=1), call("look", n=2)], "both found")
    client = await serve(swarm(agent("a", completion=model, tools=[look], max_tool_calls=2)))
    assert await client.answer("go") == "both found"
    assert model.shown[1] == ["user: go", "assistant: ", "tool: found 1", "tool: found 2"]


@pytest.mark.parametrize(
    ("own", "answer", "questions"),
    [("execute", "inner", 2), ("emit", "emitted", 1), ("change", "b here", 1), ("commit", "the end", 2)],
)
async def test_d4_a_tool_that_acts_itself_is_respected(own: str, answer: str, questions: int, serve: Serve) -> None:
    @tool
    async def act(turn: Turn) -> None:
        match own:
            case "execute":
                await turn.commit_tool_output(turn.tool_call_id, "done")
                await turn.execute("inner")
            case "emit":
                await turn.emit("emitted")
            case "change":
                await turn.change_agent("b")
            case _:
                await turn.commit_tool_output(turn.tool_call_id, "its own output")

    model = Model(call("act"), echo if own == "execute" else "the end")
    client = await serve(swarm(agent("a", completion=model, tools=[act]), agent("b", "b here")))
    assert await client.answer("go") == answer
    assert len(model.requests) == questions


async def test_d4_a_chain_that_neither_commits_nor_executes_is_continued(serve: Serve) -> None:
    @tool
    async def nothing() -> None:
        return None

    model = Model(call("nothing"), "went on")
    client = await serve(swarm(agent("a", completion=model, tools=[nothing])))
    assert await client.answer("go") == "went on"
    assert model.shown[1][-1] == "tool: Done."


async def test_d18_connect_opens_the_session_and_answers_come_over_the_client_channel(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)))
    async with client.wire.listen(client.wire.client_channel("alice", "support")) as channel:
        await client.push("connect")
        asked = await client.say("hi")
        heard = await channel.until_reply(asked)
    assert [(item["type"], item["output"]) for item in heard] == [("reply", ""), ("reply", "hi")]


async def test_d18_connecting_again_joins_the_live_session(serve: Serve) -> None:
    client = await serve(swarm(agent("a", recall)))
    for _ in range(2):
        assert (await client.do("connect"))["status"] == "completed"
        await client.do("commit-user-message", message="hi")
    assert await client.answer("who?") == "user: hi | user: hi | user: who?"


async def test_d18_a_live_session_keeps_its_state_beside_a_one_shot_completion(serve: Serve) -> None:
    client = await serve(swarm(agent("a", recall), agent("b", "b here")))
    await client.do("change-agent", agentName="b")
    shot = await client.do("complete", message="one shot")
    assert (shot["output"], shot["agentName"]) == ("user: one shot", "a")
    assert await client.answer("who?") == "b here"


async def test_d19_all_words_of_a_swarm_are_settings(serve: Serve) -> None:
    texts = Texts(placeholders=["Pardon?"], flush="From the start.", tool_done="OK.", handed_over="Now: {agent}.")

    @tool
    async def quiet() -> None:
        return None

    model = Model([call("quiet")], recall, "", recall)
    guard = Policy("p", validate_input=lambda text, _session: text != "bad", ban_message="Not that.")
    client = await serve(swarm(agent("a", completion=model, tools=[quiet]), policies=[guard], texts=texts))
    assert await client.answer("go") == "user: go | assistant:  | tool: OK."
    assert await client.answer("silence") == "Pardon?"
    assert await client.answer("and?") == "user: From the start. | user: and?"
    assert (await client.ask("bad"))["output"] == "Not that."


def test_d20_names_of_the_origin_are_snake_case_in_python() -> None:
    one = Agent("a", completion=Model(), keep_messages=3, max_tool_calls=2, map_tool_calls=None, system_dynamic=None)
    assert (one.keep_messages, one.max_tool_calls) == (3, 2)
    assert one.callbacks.on_tool_error is None
