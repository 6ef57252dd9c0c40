"""The end of a session (spec, section 10; architecture, section 8)."""

import json

import pytest

from tests.turn.recording import Stage, agent, reply_of, started, swarm_of, trace_of
from tests.turn.test_corridor import Hanging
from worker import AgentCallbacks, SwarmCallbacks, Turn
from worker.completions import EchoCompletion
from worker.turn.corridor import take_turn


def telling(told: list[str]) -> Stage:
    def note(turn: Turn) -> None:
        told.append(turn.agent_name)

    agents = [agent(name, EchoCompletion(), callbacks=AgentCallbacks(on_dispose=note)) for name in "ab"]
    callbacks = SwarmCallbacks(on_dispose=lambda turn: told.append(f"swarm of {turn.client_id}"))
    return Stage(swarm_of(*agents, callbacks=callbacks))


@pytest.mark.parametrize(
    ("body", "reason"), [({}, "request"), ({"reason": "ttl"}, "ttl"), ({"reason": "x"}, "request")]
)
async def test_swarm_then_agents_are_told_then_the_event_is_published(body: dict[str, str], reason: str) -> None:
    told: list[str] = []
    stage = telling(told)
    await stage.say("hi")
    finished = await stage.send("dispose", **body)
    assert told == ["swarm of alice", "a", "b"]
    assert [json.loads(event)["input"] for event in finished.events] == [{"reason": reason}]
    assert trace_of(finished) == ["session-bus dispose"]
    reply = reply_of(finished)
    assert (reply.status, reply.output, finished.dispose) == ("completed", "", True)


async def test_a_session_that_is_not_there_needs_no_disposal() -> None:
    told: list[str] = []
    finished = await telling(told).send("dispose")
    assert (finished.status, finished.events, finished.dispose, finished.opens) == ("completed", [], False, False)
    assert told == []


async def test_disposal_by_force_ends_the_running_turn() -> None:
    hanging = Hanging()
    turn = hanging.stage.open("execute", message="hi")
    task = await started(turn, hanging.reached)
    finished = await take_turn(hanging.stage.open("dispose", beside=turn, force=True))
    assert json.loads(finished.events[0])["input"] == {"reason": "force"}
    assert reply_of(await hanging.ended(turn, task)).status == "cancelled"


async def test_a_callback_that_raises_does_not_keep_the_session() -> None:
    def fail(_turn: Turn) -> None:
        raise OSError

    stage = Stage(swarm_of(agent("a", EchoCompletion()), callbacks=SwarmCallbacks(on_dispose=fail)))
    await stage.say("hi")
    assert (await stage.send("dispose")).dispose
