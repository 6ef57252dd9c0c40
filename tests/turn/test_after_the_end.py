"""A task that a tool left running meets a closed door once its turn has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, records_of, reply_of, swarm_of
from worker import State, ToolCall, Turn, tool
from worker.completions import EchoCompletion, ScriptedCompletion
from worker.definitions.errors import TurnOverError
from worker.turn.guard import settled

LATE: dict[str, Callable[[Turn], Any]] = {
    "emit": lambda turn: turn.emit("late"),
    "notify": lambda turn: turn.notify("late"),
    "execute": lambda turn: turn.execute("late"),
    "run": lambda turn: turn.run("late"),
    "change_agent": lambda turn: turn.change_agent("b"),
    "hand_over": lambda turn: turn.hand_over("b"),
    "commit_user_message": lambda turn: turn.commit_user_message("late"),
    "commit_tool_output": lambda turn: turn.commit_tool_output("x", "late"),
    "commit_flush": lambda turn: turn.commit_flush(),
    "cancel_output": lambda turn: turn.cancel_output(),
    "step": lambda turn: turn.step("s", lambda: 1),
    "state": lambda turn: turn.state("word"),
    "remember": lambda turn: turn.remember({"late": True}),
    "event": lambda turn: turn.event("late", 1),
    "history": lambda turn: turn.history(),
}


async def left_behind(task: Callable[[Turn, asyncio.Event], Awaitable[None]], **options: Any) -> Stage:
    """Run a turn whose tool leaves a task behind; then let that task go on, to its end."""
    door, tasks = asyncio.Event(), list[asyncio.Task[None]]()

    @tool
    async def leave(turn: Turn) -> str:
        tasks.append(asyncio.ensure_future(task(turn, door)))
        await asyncio.to_thread(int)
        return "left"

    one = agent("a", ScriptedCompletion([ToolCall("1", "leave"), "done", "next"]), tools=[leave])
    stage = Stage(swarm_of(one, agent("b", EchoCompletion()), **options))
    finished = await stage.send("execute", message="hi")
    assert reply_of(finished).output == "done"
    before = list(records_of(finished))
    door.set()
    await asyncio.wait(tasks)
    assert records_of(finished) == before
    assert tasks[0].exception() is None
    return stage


@pytest.mark.parametrize("name", LATE)
async def test_nothing_can_be_done_with_a_turn_that_has_ended(name: str) -> None:
    async def late(turn: Turn, door: asyncio.Event) -> None:
        await door.wait()
        with pytest.raises(TurnOverError, match="this turn has ended"):
            await settled(LATE[name](turn))
        assert (turn.client_id, turn.agent_name, turn.request_id) == ("alice", "a", "r-1")

    stage = await left_behind(late)
    assert (stage.session.active_agent, stage.session.states, stage.session.memory) == ("a", {}, {})
    assert stage.port.sent == []
    assert (await stage.say("again")).output == "next"


async def test_a_state_that_was_at_hand_can_not_be_changed_any_more() -> None:
    async def late(turn: Turn, door: asyncio.Event) -> None:
        state = turn.state("word")
        await door.wait()
        with pytest.raises(TurnOverError):
            await state.set(lambda _: "late")

    stage = await left_behind(late, states=[State("word")])
    assert stage.session.states == {}


async def test_an_update_under_way_at_the_end_changes_nothing_afterwards() -> None:
    async def late(turn: Turn, door: asyncio.Event) -> None:
        async def slow(_: object) -> bool:
            await door.wait()
            return True

        with pytest.raises(TurnOverError):
            await turn.state("word").set(slow)

    stage = await left_behind(late, states=[State("word")])
    assert stage.session.states == {}
