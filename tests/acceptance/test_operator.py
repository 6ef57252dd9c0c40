"""Agents who are human: the turn is parked until the answer comes, whichever worker is there by then."""

import asyncio

import pytest

from tests.acceptance.app import NO_SECRETS
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Item, Wire
from tests.helpers.eventually import eventually


async def asked(wire: Wire, client_id: str, swarm_name: str = "human", *, times: int = 1) -> Item:
    """Wait until the human was asked so many times and the session is parked; return the newest question."""

    async def question() -> Item:
        items = [item for item in await wire.outbox(client_id, swarm_name) if item["type"] == "question"]
        assert len(items) == times
        status = await wire.redis.hget(wire.name(f"session:{swarm_name}:{client_id}"), "status")
        assert status == b"delayed"
        return items[-1]

    return await eventually(question, within_s=15)


async def answer(wire: Wire, client_id: str, message: str, swarm_name: str = "human", **body: str) -> str:
    """Answer as an operator does; return what the reply says."""
    reply = await wire.do(client_id, swarm_name, "operator-answer", {"message": message, **body})
    assert reply["status"] == "completed"
    return reply["output"]


async def test_the_human_answers_the_client(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.bus_channel(alice)) as listener:
        request_id = await wire.say(alice, "human", "Is anybody there?")
        question = await asked(wire, alice)
        assert (question["data"], question["agentName"]) == ("Is anybody there?", "human")
        assert await answer(wire, alice, "Yes, I am.", questionId=question["questionId"]) == "true"
        reply = await wire.reply_of(request_id)
        heard = await listener.until_end(request_id)
    assert (reply["status"], reply["output"], reply["agentName"]) == ("completed", "Yes, I am.", "human")
    assert (reply["turn"], reply["attempts"]) == (1, 1)
    kinds = [event["type"] for event in heard]
    assert kinds == ["commit-execution-begin", "ask-operator", "execute", "commit-execution-end"]
    assert [event["type"] for event in await wire.events_of(request_id)] == kinds


async def test_it_may_take_a_turn_with_the_tools_of_others(wire: Wire, alice: str) -> None:
    request_id = await wire.say(alice, "manned", "go to human")
    question = await asked(wire, alice, "manned")
    assert question["data"] == "go to human"
    assert await answer(wire, alice, "How can I help?", "manned") == "true"
    reply = await wire.reply_of(request_id)
    assert (reply["output"], reply["agentName"]) == ("How can I help?", "human")
    second = await wire.say(alice, "manned", "The thing is broken.")
    await asked(wire, alice, "manned", times=2)
    await answer(wire, alice, "Throw it away.", "manned")
    assert (await wire.reply_of(second))["output"] == "Throw it away."


async def test_what_comes_meanwhile_waits_in_line(wire: Wire, alice: str) -> None:
    ids = [await wire.say(alice, "human", message) for message in ("one", "two")]
    for number, request_id in enumerate(ids, 1):
        question = await asked(wire, alice, times=number)
        assert question["requestId"] == request_id
        assert await answer(wire, alice, f"answer {number}") == "true"
        assert (await wire.reply_of(request_id))["output"] == f"answer {number}"


async def test_an_answer_that_nobody_waits_for_says_so(wire: Wire, alice: str) -> None:
    nobody = await wire.do(alice, "human", "operator-answer", {"message": "Hello?"})
    assert (nobody["status"], nobody["output"]) == ("completed", "")
    assert await wire.keys_of(alice) == []
    request_id = await wire.say(alice, "human", "Hello")
    await asked(wire, alice)
    assert await answer(wire, alice, "to another question", questionId="r-0/1") == "false"
    assert await answer(wire, alice, "first") == "true"
    assert (await wire.reply_of(request_id))["output"] == "first"
    assert await answer(wire, alice, "second") == "false"


async def test_without_an_answer_in_time_the_answer_is_empty(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "hurried", "Hello")
    assert (reply["status"], reply["output"]) == ("completed", "")


async def test_the_answer_passes_the_output_policies(wire: Wire, alice: str) -> None:
    request_id = await wire.say(alice, "human", "Hello")
    await asked(wire, alice)
    await answer(wire, alice, "the secret is 42")
    reply = await wire.reply_of(request_id)
    assert (reply["status"], reply["output"]) == ("refused", NO_SECRETS)


async def test_control_reaches_a_parked_turn(wire: Wire, alice: str) -> None:
    cancelled = await wire.say(alice, "human", "one")
    await asked(wire, alice)
    await wire.do(alice, "human", "cancel-output")
    assert (await wire.reply_of(cancelled))["status"] == "cancelled"
    substituted = await wire.say(alice, "human", "two")
    await asked(wire, alice, times=2)
    await wire.do(alice, "human", "emit", {"message": "We are closed."})
    reply = await wire.reply_of(substituted)
    assert (reply["status"], reply["output"]) == ("completed", "We are closed.")


async def test_control_that_is_not_about_it_leaves_it_parked(wire: Wire, alice: str) -> None:
    request_id = await wire.say(alice, "human", "Hello")
    await asked(wire, alice)
    await wire.do(alice, "human", "notify", {"message": "Please hold the line."})
    await wire.do(alice, "human", "unban", {"policyName": "polite"})
    await asked(wire, alice)
    assert await answer(wire, alice, "Here I am.") == "true"
    assert (await wire.reply_of(request_id))["output"] == "Here I am."


@pytest.mark.parametrize("when_busy", ["interrupt", "rollback"])
async def test_an_interrupt_ends_a_parked_turn(wire: Wire, alice: str, when_busy: str) -> None:
    first = await wire.say(alice, "human", "one")
    await asked(wire, alice)
    second = await wire.say(alice, "human", "two", whenBusy=when_busy)
    assert (await wire.reply_of(first))["status"] == "cancelled"
    await asked(wire, alice, times=2)
    await answer(wire, alice, "fine")
    assert (await wire.reply_of(second))["output"] == "fine"


async def test_a_forced_disposal_ends_a_parked_turn_and_leaves_nothing(wire: Wire, alice: str) -> None:
    ids = [await wire.say(alice, "human", message) for message in ("one", "two")]
    await asked(wire, alice)
    assert (await wire.do(alice, "human", "dispose", force=1))["status"] == "completed"
    assert {(await wire.reply_of(request_id))["status"] for request_id in ids} == {"cancelled"}
    assert await wire.keys_of(alice) == []
    assert await wire.redis.zscore(wire.name("delayed"), f"human:{alice}") is None
    request_id = await wire.say(alice, "human", "three")
    await asked(wire, alice)
    await answer(wire, alice, "hello again")
    assert (await wire.reply_of(request_id))["turn"] == 1


async def test_waiting_messages_can_be_answered_together(wire: Wire, alice: str) -> None:
    first = await wire.say(alice, "human", "one", whenBusy="coalesce")
    await asked(wire, alice)
    later = [await wire.say(alice, "human", message, whenBusy="coalesce") for message in ("two", "three")]
    await wire.accepted(later[-1])
    await answer(wire, alice, "first answer")
    assert (await wire.reply_of(first))["output"] == "first answer"
    # what is superseded is shown to the human too, but nobody waits for an answer to it
    assert (await asked(wire, alice, times=3))["data"] == "three"
    told = [item["questionId"] for item in await wire.outbox(alice, "human") if item.get("data") == "two"]
    assert told == [None]
    await answer(wire, alice, "second answer")
    assert {(await wire.reply_of(request_id))["output"] for request_id in later} == {"second answer"}


async def test_another_worker_goes_on_with_a_parked_turn(own_wire: Wire, start_worker: StartWorker) -> None:
    first = start_worker("--lease-s", "1")
    await first.ready()
    request_id = await own_wire.say("alice", "manned", "go to human")
    await asked(own_wire, "alice", "manned")
    first.kill()
    await start_worker("--lease-s", "1").ready()
    assert await answer(own_wire, "alice", "I am new here.", "manned") == "true"
    reply = await own_wire.reply_of(request_id)
    assert (reply["status"], reply["output"], reply["attempts"]) == ("completed", "I am new here.", 1)


async def test_parked_turns_take_no_slot(own_wire: Wire, start_worker: StartWorker) -> None:
    await start_worker("--slots", "2").ready()
    clients = [f"client-{number}" for number in range(1000)]
    ids = [await own_wire.say(client, "human", "Hello") for client in clients]

    async def all_parked() -> bool:
        return await own_wire.redis.zcard(own_wire.name("delayed")) == len(clients)

    await eventually(all_parked, within_s=30)
    assert (await own_wire.ask("alice", "echo", "Hello"))["status"] == "completed"
    outputs = await asyncio.gather(*(answer(own_wire, client, f"to {client}") for client in clients[::100]))
    assert set(outputs) == {"true"}
    for client, request_id in list(zip(clients, ids, strict=True))[::100]:
        assert (await own_wire.reply_of(request_id))["output"] == f"to {client}"
