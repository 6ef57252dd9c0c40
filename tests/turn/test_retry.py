"""An error that may be gone later puts the turn off, as long as it may be tried again."""

from typing import Any

import pytest

from tests.turn.recording import Stage, agent, records_of, reply_of, swarm_of
from worker import CompletionMessage, CompletionRequest, Retryable, ToolCall, Turn, tool
from worker.completions import ScriptedCompletion
from worker.turn.corridor import take_turn
from worker.turn.port import Finished, Postponed, Tries


class RateLimited(Retryable):
    """Too many requests."""


def failing(times: int, *, after_s: float | None = None) -> Any:
    """Return a completion that fails so many times before it answers."""
    left = [times]

    async def complete(_: CompletionRequest) -> CompletionMessage:
        left[0] -= 1
        if left[0] >= 0:
            raise RateLimited("come again", after_s=after_s)
        return CompletionMessage("ok")

    return complete


async def run(stage: Stage, *, left: int, retries: int = 0, kind: str = "execute") -> Finished | Postponed:
    turn = stage.open(kind, message="hi", attempt=retries + 1)
    turn.tries = Tries(0, retries, left)
    return await take_turn(turn)


@pytest.mark.parametrize("kind", ["execute", "run", "complete"])
async def test_a_turn_is_put_off_with_the_reason_and_the_time_that_it_was_given(kind: str) -> None:
    stage = Stage(swarm_of(agent("a", failing(1, after_s=7))))
    assert await run(stage, left=1, kind=kind) == Postponed("the completion of agent 'a' raised RateLimited", 7)
    assert (stage.session.turn, stage.port.sent) == (0, [])
    finished = await run(stage, left=0, retries=1, kind=kind)
    assert isinstance(finished, Finished)
    assert (finished.status, reply_of(finished).attempts) == ("completed", 2)


async def test_the_last_try_fails_and_is_buried() -> None:
    finished = await run(Stage(swarm_of(agent("a", failing(9)))), left=0, retries=4)
    assert isinstance(finished, Finished)
    reply = reply_of(finished)
    assert (reply.status, reply.attempts, finished.dead_reason) == ("failed", 5, "attempts_exhausted")
    assert reply.error is not None
    assert reply.error.code == "attempts_exhausted"
    assert reply.error.message == "the completion of agent 'a' raised RateLimited, in each of 5 tries"
    assert reply.output


async def test_where_nothing_is_retried_it_is_an_error_like_any_other() -> None:
    finished = await Stage(swarm_of(agent("a", failing(9)))).send("execute", message="hi")
    reply = reply_of(finished)
    assert (reply.status, finished.dead_reason) == ("failed", None)
    assert reply.error is not None
    assert reply.error.code == "agent_error"


async def test_a_tool_puts_its_turn_off_and_what_was_finished_is_on_record() -> None:
    tries: list[int] = []

    @tool
    async def flaky(turn: Turn) -> str:
        await turn.emit("one moment")
        tries.append(turn.attempt)
        if len(tries) == 1:
            raise RateLimited
        return "looked up"

    script = ScriptedCompletion([ToolCall("1", "flaky"), "done"])
    stage = Stage(swarm_of(agent("a", script, tools=[flaky])))
    turn = stage.open("execute", message="hi")
    turn.tries = Tries(left=1)
    assert await take_turn(turn) == Postponed("tool 'flaky' of agent 'a' raised RateLimited", None)
    again = stage.open("execute", message="hi", attempt=2)
    again.replay = dict(stage.port.journal)
    finished = await take_turn(again)
    assert isinstance(finished, Finished)
    assert (finished.status, tries) == ("completed", [1, 2])
    assert [item["data"] for item in stage.port.sent] == ["one moment"], "an emit is sent once"
    assert ("tool", "looked up") in records_of(finished)
    script.assert_complete()


async def test_an_execution_inside_of_a_tool_puts_off_the_whole_turn() -> None:
    @tool
    async def ask(turn: Turn) -> str:
        return await turn.execute("and now?")

    answers = [CompletionMessage("", [ToolCall("1", "ask")]), RateLimited()]

    async def complete(_: CompletionRequest) -> CompletionMessage:
        answer = answers.pop(0)
        if isinstance(answer, RateLimited):
            raise answer
        return answer

    stage = Stage(swarm_of(agent("a", complete, tools=[ask])))
    assert isinstance(await run(stage, left=1), Postponed)


async def test_a_turn_that_is_to_end_anyway_is_not_put_off() -> None:
    async def complete(_: CompletionRequest) -> CompletionMessage:
        turn.cancelled_by = "cancel-output"
        raise RateLimited

    stage = Stage(swarm_of(agent("a", complete)))
    turn = stage.open("execute", message="hi")
    turn.tries = Tries(left=1)
    finished = await take_turn(turn)
    assert isinstance(finished, Finished)
    assert finished.status == "cancelled"
