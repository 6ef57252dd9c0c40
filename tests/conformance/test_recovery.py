"""No usable answer: the client reads a placeholder, and the model does not see again what led there."""

from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, agent, swarm
from tests.conformance.model import Model, call, recall
from worker import AgentCallbacks, CompletionRequest, SwarmCallbacks, Texts, Tool, ToolCall, Turn, tool


def noting(notes: list[str], **options: Any) -> Tool:
    """Return a tool that notes its calls."""

    @tool(name="look", **options)
    async def look(word: str = "") -> str:
        notes.append(f"look {word}".strip())
        return "found"

    return look


def _no(_call: ToolCall, _session: object) -> bool:
    return False


async def test_a_call_of_an_unknown_tool_gives_a_placeholder(serve: Serve) -> None:
    client = await serve(swarm(agent("a", call("nothing"))))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"], reply["error"]) == ("completed", SORRY, None)


async def test_an_empty_answer_gives_a_placeholder(serve: Serve) -> None:
    client = await serve(swarm(agent("a", " \n ")))
    assert await client.answer("hi") == SORRY


async def test_a_tool_whose_validation_fails_is_not_called_and_gives_a_placeholder(serve: Serve) -> None:
    notes: list[str] = []
    client = await serve(swarm(agent("a", call("look"), tools=[noting(notes, validate=_no)])))
    assert await client.answer("hi") == SORRY
    assert notes == []


async def test_a_model_that_never_says_anything_gives_a_placeholder_each_time(serve: Serve) -> None:
    client = await serve(swarm(agent("a", "")))
    assert [await client.answer(text) for text in ("one", "two", "three")] == [SORRY] * 3


async def test_after_an_unknown_tool_the_next_turn_does_not_see_earlier_messages(serve: Serve) -> None:
    model = Model("fine", call("nothing"), recall)
    client = await serve(swarm(agent("a", completion=model), texts=Texts(placeholders=[SORRY], flush="Afresh.")))
    await client.ask("first")
    await client.ask("second")
    assert await client.answer("third") == "user: Afresh. | user: third"


async def test_a_failed_validation_of_any_call_lets_none_of_the_batch_run(serve: Serve) -> None:
    notes: list[str] = []
    calls = [call("look", word="good"), call("nothing")]
    client = await serve(swarm(agent("a", calls, tools=[noting(notes)], max_tool_calls=2)))
    assert await client.answer("hi") == SORRY
    assert notes == []


async def test_a_throwing_first_tool_lets_the_second_not_run(serve: Serve) -> None:
    notes: list[str] = []

    @tool
    async def break_down() -> str:
        raise RuntimeError

    client = await serve(
        swarm(agent("a", [call("break_down"), call("look")], tools=[break_down, noting(notes)], max_tool_calls=2))
    )
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
    assert notes == []


async def test_a_throwing_tool_tells_on_tool_error_its_name_and_error(serve: Serve) -> None:
    told: list[tuple[str, str]] = []

    @tool
    async def break_down() -> str:
        raise RuntimeError("no paper")

    callbacks = AgentCallbacks(on_tool_error=lambda _turn, name, error: told.append((name, str(error))))
    client = await serve(swarm(agent("a", call("break_down"), tools=[break_down], callbacks=callbacks)))
    assert (await client.ask("hi"))["output"] == SORRY
    assert told == [("break_down", "no paper")]


async def test_recomplete_asks_the_model_again_after_an_empty_answer(serve: Serve) -> None:
    model = Model("", "second thought")
    texts = Texts(placeholders=[SORRY], recomplete="Answer in words.")
    client = await serve(swarm(agent("a", completion=model), resque_strategy="recomplete", texts=texts))
    assert await client.answer("hi") == "second thought"
    assert model.asked == ["hi", "Answer in words."]


async def test_custom_strategy_answers_with_the_custom_message(serve: Serve) -> None:
    client = await serve(
        swarm(agent("a", ""), resque_strategy="custom", resque=lambda session: f"{session.client_id}, call us")
    )
    assert await client.answer("hi") == "alice, call us"


async def test_a_throwing_custom_strategy_fails_with_a_placeholder(serve: Serve) -> None:
    async def resque(_session: object) -> str:
        raise RuntimeError

    client = await serve(swarm(agent("a", ""), resque_strategy="custom", resque=resque))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"]) == ("failed", SORRY)


async def test_two_calls_with_one_id_fail_the_turn_run_no_tool_and_the_next_message_works(serve: Serve) -> None:
    notes: list[str] = []
    twins = [ToolCall("same", "look", {}), ToolCall("same", "look", {})]
    client = await serve(swarm(agent("a", twins, "fine", tools=[noting(notes)], max_tool_calls=2)))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
    assert notes == []
    assert await client.answer("hi") == "fine"


@pytest.mark.parametrize("mode", ["user", "tool"])
async def test_a_throwing_completion_fails_this_request_and_not_the_next(mode: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", OSError("no line"), "fine")))
    reply = await client.ask("hi", mode=mode)
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
    assert "no line" not in reply["error"]["message"]
    assert await client.answer("hi", mode=mode) == "fine"


async def test_a_self_executing_tool_ends_at_the_limit_of_nested_executions(serve: Serve) -> None:
    @tool
    async def again(turn: Any) -> None:
        await turn.execute("again")

    def ask_again(_request: CompletionRequest) -> ToolCall:
        return call("again")

    model = Model(ask_again)
    client = await serve(swarm(agent("a", completion=model, tools=[again]), max_nested_executions=3))
    reply = await client.ask("hi")
    assert reply["output"] == SORRY
    assert len(model.requests) <= 6


async def test_a_tool_may_run_the_model_more_often_than_executions_may_nest(serve: Serve) -> None:
    @tool
    async def sum_up(turn: Turn) -> str:
        return " ".join([await turn.run(f"part {n}") for n in range(5)])

    def answer(request: CompletionRequest) -> str | ToolCall:
        return call("sum_up") if request.last_user_message() == "hi" and not heard(request) else heard(request)

    def heard(request: CompletionRequest) -> str:
        newest = request.messages[-1]
        return newest.content if newest.content != "hi" else ""

    client = await serve(swarm(agent("a", answer, tools=[sum_up]), max_nested_executions=3))
    assert await client.answer("hi") == "part 0 part 1 part 2 part 3 part 4"


async def test_a_callback_that_asks_again_ends_at_the_limit_of_nested_executions(serve: Serve) -> None:
    told: list[str] = []

    async def again(turn: Turn, text: str) -> None:
        told.append(text)
        await turn.run("again")

    client = await serve(swarm(agent("a", "fine"), callbacks=SwarmCallbacks(on_run=again), max_nested_executions=3))
    assert (await client.do("run", message="hi"))["output"] == "fine"
    assert told == ["hi", "again", "again", "again"]
