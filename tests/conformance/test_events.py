"""What observers see: events of one client, of all clients, and those of the application's own."""

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from tests.conformance.model import Model, call, recall
from worker import Turn, tool


async def test_an_observer_of_agents_sees_a_committed_user_message(serve: Serve) -> None:
    client = await serve(swarm(agent("a"), bus="all"))
    async with client.wire.listen(client.wire.bus_channel("alice")) as bus:
        await client.push("commit-user-message", message="hi")
        heard = await bus.until(lambda event: event["source"] == "session-bus")
    (event,) = [event for event in heard if event["source"] == "agent-bus"]
    assert (event["type"], event["input"], event["context"]) == (
        "commit-user-message",
        {"message": "hi"},
        {"agentName": "a"},
    )


async def test_an_observer_of_all_clients_that_came_before_any_session_sees_whose_events_they_are(
    serve: Serve,
) -> None:
    client = await serve(swarm(agent("a")))
    async with client.wire.watch("swarmline:{*}:bus:*") as bus:
        for name in ("alice", "bob"):
            await client.named(name).ask("hi")
        heard = [await bus.next_of() for _ in range(6)]
    assert [(channel, event["clientId"]) for channel, event in heard] == [
        (f"swarmline:{{0}}:bus:{name}", name) for name in ("alice", "bob") for _ in range(3)
    ]


async def test_an_event_between_messages_is_delivered_and_is_not_in_the_history(serve: Serve) -> None:
    client = await serve(swarm(agent("a", recall)))
    async with client.wire.listen(client.wire.bus_channel("alice")) as bus:
        await client.ask("one")
        await client.do("event", topic="order.paid", payload={"order": 42})
        answer = await client.answer("two")
        heard = await bus.until(lambda event: event.get("input", {}).get("message") == "two")
    (event,) = [event for event in heard if event["source"] == "order.paid"]
    assert (event["payload"], event["clientId"]) == ({"order": 42}, "alice")
    assert answer == "user: one | assistant: user: one | user: two"


async def test_a_tool_publishes_an_event_of_its_own(serve: Serve) -> None:
    @tool
    async def ring(turn: Turn) -> str:
        turn.event("door.bell", [1, None, "two"])
        return "rung"

    client = await serve(swarm(agent("a", call("ring"), "done", tools=[ring])))
    reply = await client.ask("go")
    (event,) = [event for event in await client.events_of(reply["requestId"]) if event["source"] == "door.bell"]
    assert event["payload"] == [1, None, "two"]
    assert "type" not in event


@pytest.mark.parametrize("topic", ["session-bus", "compute-bus", "a b", ""])
async def test_a_topic_that_is_reserved_or_no_name_is_refused(topic: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a")))
    await client.ask("hi")
    reply = await client.do("event", topic=topic, payload=None)
    assert (reply["status"], reply["error"]["code"]) == ("failed", "bad_request")
    assert "topic" in reply["error"]["message"]


async def test_whoever_waits_for_the_first_event_that_fits_gets_exactly_that_one(serve: Serve) -> None:
    client = await serve(swarm(agent("a")))
    await client.ask("hi")
    async with client.wire.listen(client.wire.bus_channel("alice")) as bus:
        for n in range(3):
            await client.push("event", topic="tick", payload=n)
            await client.ask(f"m{n}")
        heard = await bus.until(lambda event: event["source"] == "tick" and event["payload"] == 1)
    assert [event["payload"] for event in heard if event["source"] == "tick"] == [0, 1]


async def test_the_history_is_pushed_for_the_message_and_for_the_answer(serve: Serve) -> None:
    client = await serve(swarm(agent("a", completion=Model("answer")), bus="all"))
    reply = await client.ask(" hi ")
    assert await client.pushed_by(reply["requestId"]) == ["user: hi", "assistant: answer"]
