"""Humans as agents in one-shot completions; the rest of it is in `acceptance/test_operator.py`."""

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import Client, agent, swarm
from tests.conformance.model import echo
from tests.helpers.eventually import eventually
from worker import Agent, Operator, SwarmCallbacks


async def asked(client: Client) -> None:
    """Wait until the human is asked and the turn is parked."""

    async def is_parked() -> bool:
        status = await client.wire.redis.hget(client.wire.name(f"session:support:{client.client_id}"), "status")
        return status == b"delayed"

    await eventually(is_parked)
    assert [item["type"] for item in await client.wire.outbox("alice", "support")][-1] == "question"


@pytest.mark.parametrize("lives", [False, True], ids=["no session", "a live session"])
async def test_a_human_answers_a_one_shot_completion_too(lives: bool, serve: Serve) -> None:  # noqa: FBT001
    told: list[str] = []
    callbacks = SwarmCallbacks(on_init=lambda _: told.append("init"), on_dispose=lambda _: told.append("dispose"))
    human = Agent("human", operator=Operator())
    client = await serve(swarm(human, agent("b", echo), callbacks=callbacks))
    if lives:
        await client.do("change-agent", agentName="b")
    told.clear()
    request_id = await client.push("complete", message="Is anybody there?")
    await asked(client)
    assert (await client.do("operator-answer", message="I am."))["output"] == "true"
    reply = await client.reply_of(request_id)
    assert (reply["status"], reply["output"], reply["agentName"]) == ("completed", "I am.", "human")
    assert told == ["init", "dispose"]
    assert await client.trace_of(request_id) == [
        "execution-bus commit-execution-begin",
        "session-bus ask-operator",
        "session-bus execute",
        "session-bus dispose",
        "execution-bus commit-execution-end",
    ]
    if lives:
        assert await client.answer("hi") == "hi"
    else:
        assert await client.wire.keys_of("alice") == []


async def test_without_an_answer_in_time_a_one_shot_completion_ends_empty_and_leaves_nothing(serve: Serve) -> None:
    client = await serve(swarm(Agent("human", operator=Operator(timeout_s=0.3))))
    reply = await client.do("complete", message="Is anybody there?")
    assert (reply["status"], reply["output"]) == ("completed", "")
    assert await client.wire.keys_of("alice") == []


async def test_a_session_that_opens_with_a_question_to_a_human_is_told_of_once(serve: Serve) -> None:
    told: list[str] = []
    callbacks = SwarmCallbacks(on_init=lambda _: told.append("init"), on_dispose=lambda _: told.append("dispose"))
    client = await serve(swarm(Agent("human", operator=Operator()), callbacks=callbacks))
    request_id = await client.say("Is anybody there?")
    await asked(client)
    await client.do("operator-answer", message="I am.")
    assert (await client.reply_of(request_id))["output"] == "I am."
    await client.do("dispose")
    assert told == ["init", "dispose"]
