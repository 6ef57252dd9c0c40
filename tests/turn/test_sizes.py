"""What is larger than a swarm allows fails clearly, where it was made; nothing of it goes out."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, records_of, reply_of, swarm_of
from worker import ToolCall, Turn, tool
from worker.completions import RuleCompletion
from worker.definitions.errors import TextTooLargeError

LARGE = "ä" * 600
SPEAKING: dict[str, Callable[[Turn], Awaitable[Any]]] = {
    "emit": lambda turn: turn.emit(LARGE),
    "notify": lambda turn: turn.notify(LARGE),
    "commit_user_message": lambda turn: turn.commit_user_message(LARGE),
    "commit_system_message": lambda turn: turn.commit_system_message(LARGE),
    "commit_assistant_message": lambda turn: turn.commit_assistant_message(LARGE),
    "commit_tool_output": lambda turn: turn.commit_tool_output("1", LARGE),
}


def stage_of(body: Callable[[Turn], Awaitable[Any]]) -> Stage:
    @tool
    async def act(turn: Turn) -> Any:
        return await body(turn)

    model = RuleCompletion([("act", ToolCall("", "act"))])
    return Stage(swarm_of(agent("a", model, tools=[act]), output_max_bytes=1000))


@pytest.mark.parametrize("name", SPEAKING)
async def test_a_text_of_a_tool_that_is_too_large_raises_in_the_tool(name: str) -> None:
    caught: list[str] = []

    async def body(turn: Turn) -> str:
        with pytest.raises(TextTooLargeError) as error:
            await SPEAKING[name](turn)
        caught.append(str(error.value))
        return "too much"

    stage = stage_of(body)
    finished = await stage.send("execute", message="act")
    assert reply_of(finished).output == "too much"
    assert "1000 bytes" in caught[0]
    assert "output_max_bytes" in caught[0]
    assert LARGE not in {content for _, content in records_of(finished)}
    assert stage.port.sent == []


@pytest.mark.parametrize("returned", [LARGE, {"text": LARGE}])
async def test_an_output_of_a_tool_that_is_too_large_fails_the_turn(returned: object) -> None:
    async def body(_: Turn) -> object:
        return returned

    finished = await stage_of(body).send("execute", message="act")
    reply = reply_of(finished)
    assert (reply.status, reply.error and reply.error.code) == ("failed", "agent_error")
    assert reply.error is not None
    assert "tool 'act'" in reply.error.message
    assert "larger than 1000 bytes" in reply.error.message
    assert all(len(content) < 600 for _, content in records_of(finished))


async def test_a_text_up_to_the_limit_goes_out() -> None:
    async def body(turn: Turn) -> str:
        await turn.notify("ä" * 500)
        return "ä" * 500

    assert reply_of(await stage_of(body).send("execute", message="act")).status == "completed"


async def test_what_a_client_says_has_no_such_limit() -> None:
    stage = stage_of(lambda turn: turn.emit("x"))
    assert reply_of(await stage.send("commit-user-message", message=LARGE)).status == "completed"
