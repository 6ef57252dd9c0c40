"""The end of a session: nothing of it is left, and nobody waits for ever."""

import asyncio

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import Client, agent, expire, swarm
from tests.conformance.model import echo
from tests.conformance.test_control import Door
from worker import AgentCallbacks, SwarmCallbacks, Turn


async def keys(client: Client) -> list[str]:
    """Return the keys of all clients of the test."""
    return await client.wire.keys_of("client-")


@pytest.mark.parametrize("opening", ["execute", "connect"])
async def test_a_hundred_disposed_sessions_leave_nothing(opening: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)))
    clients = [client.named(f"client-{n}") for n in range(100)]
    body = {"message": "hi"} if opening == "execute" else {}
    await asyncio.gather(*(one.do(opening, **body) for one in clients))
    assert await keys(client) != []
    replies = await asyncio.gather(*(one.do("dispose") for one in clients))
    assert {reply["status"] for reply in replies} == {"completed"}
    assert await keys(client) == []


async def test_a_hundred_one_shot_completions_leave_no_session(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)))
    clients = [client.named(f"client-{n}") for n in range(100)]
    ids = [await one.push("complete", message="hi") for one in clients]
    assert [(await one.reply_of(id_))["output"] for one, id_ in zip(clients, ids, strict=True)] == ["hi"] * 100
    assert await keys(client) == []


async def test_an_idle_session_is_disposed_by_its_ttl_and_told_so(serve: Serve, redis_url: str) -> None:
    told: list[str] = []
    callbacks = SwarmCallbacks(on_dispose=lambda turn: told.append(turn.client_id))
    client = await serve(swarm(agent("a", echo), callbacks=callbacks))
    await client.ask("hi")
    async with client.wire.listen(client.wire.bus_channel("alice")) as bus:
        await expire(client, redis_url)
        (event,) = await bus.until(lambda item: item.get("type") == "dispose")
    assert (event["source"], event["input"]) == ("session-bus", {"reason": "ttl"})
    assert told == ["alice"]
    assert (await client.ask("hi"))["turn"] == 1


async def test_a_second_disposal_finds_nothing_and_says_so_without_an_error(serve: Serve) -> None:
    told: list[str] = []
    callbacks = AgentCallbacks(on_dispose=lambda turn: told.append(turn.agent_name))
    client = await serve(swarm(agent("a", echo, callbacks=callbacks), agent("b", callbacks=callbacks)))
    await client.ask("hi")
    assert [(await client.do("dispose"))["status"] for _ in range(2)] == ["completed", "completed"]
    assert told == ["a", "b"]


async def test_a_forced_disposal_ends_the_turn_in_flight_with_an_empty_output(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model)))
    hung = await client.say("hang")
    await door.reached.wait()
    assert (await client.do("dispose", fields={"force": 1}))["status"] == "completed"
    reply = await client.reply_of(hung)
    assert (reply["status"], reply["output"]) == ("cancelled", "")


@pytest.mark.parametrize("kind", ["cancel-output", "emit"])
async def test_control_that_comes_while_a_session_is_disposed_does_not_cut_its_disposal_short(
    kind: str, serve: Serve
) -> None:
    told: list[str] = []
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_turn: Turn) -> None:
        reached.set()
        await go_on.wait()
        told.append("swarm")

    last = AgentCallbacks(on_dispose=lambda turn: told.append(turn.agent_name))
    client = await serve(swarm(agent("a", echo, callbacks=last), callbacks=SwarmCallbacks(on_dispose=slow)))
    await client.ask("hi")
    disposal = await client.push("dispose")
    await reached.wait()
    beside = await client.do(kind, **({"message": "wait"} if kind == "emit" else {}))
    assert (beside["status"], beside["output"]) == ("completed", "")
    go_on.set()
    reply = await client.reply_of(disposal)
    assert (reply["status"], reply["output"]) == ("completed", "")
    assert told == ["swarm", "a"]
    assert await client.wire.keys_of("alice") == []


async def test_a_disposal_in_the_line_lets_what_came_before_it_be_answered(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)))
    ids = [await client.say("one"), await client.say("two"), await client.push("dispose"), await client.say("three")]
    replies = [await client.reply_of(request_id) for request_id in ids]
    assert [reply["output"] for reply in replies] == ["one", "two", "", "three"]
    assert [reply["turn"] for reply in replies] == [1, 2, 3, 1]
