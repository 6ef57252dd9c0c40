"""The first example: one request goes in by XADD; its reply is found wherever the protocol promises it."""

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire, new_id


async def test_a_message_is_answered_at_its_result_key(wire: Wire, alice: str) -> None:
    request_id = new_id()
    await wire.redis.xadd(
        "swarmline:{0}:requests",
        {
            "v": 1,
            "requestId": request_id,
            "clientId": alice,
            "swarmName": "echo",
            "kind": "execute",
            "body": '{"message":"Hello"}',
        },
    )
    reply = await wire.reply_of(request_id)
    assert reply == {
        "v": 1,
        "type": "reply",
        "requestId": request_id,
        "clientId": alice,
        "swarmName": "echo",
        "status": "completed",
        "output": "You said: Hello",
        "seq": reply["seq"],
        "agentName": "parrot",
        "turn": 1,
        "attempts": 1,
        "error": None,
        "acceptedAtMs": reply["acceptedAtMs"],
        "finishedAtMs": reply["finishedAtMs"],
    }
    seconds, microseconds = await wire.redis.time()
    now_ms = seconds * 1000 + microseconds // 1000
    assert 0 < now_ms - reply["acceptedAtMs"] < 60_000
    assert reply["acceptedAtMs"] - 100 <= reply["finishedAtMs"] <= now_ms + 100
    assert 0 < seconds * 1_000_000 + microseconds - reply["seq"] < 60_000_000


async def test_the_same_reply_is_on_both_channels_and_in_the_outbox(wire: Wire, alice: str) -> None:
    client_channel, reply_to = wire.client_channel(alice, "echo"), wire.name(f"reply:backend-1:{alice}")
    async with wire.listen(client_channel, reply_to) as listener:
        reply = await wire.ask(alice, "echo", "Hello", replyTo=reply_to)
        heard = dict([await listener.next_of(), await listener.next_of()])
    assert heard == {client_channel: reply, reply_to: reply}
    assert await wire.outbox(alice, "echo") == [reply]


async def test_a_reply_to_channel_hears_only_the_terminal_reply(wire: Wire, alice: str) -> None:
    reply_to = wire.name(f"reply:{alice}")
    async with wire.listen(reply_to) as listener:
        request_id = await wire.say(alice, "support", "tell one two", replyTo=reply_to)
        assert (await listener.next())["requestId"] == request_id
    assert [item["type"] for item in await wire.outbox(alice, "support")] == ["emit", "emit", "reply"]


async def test_a_request_under_way_is_marked_as_accepted(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    request_id = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    result_key = wire.name(f"result:{request_id}")
    marker = {"v": 1, "requestId": request_id, "clientId": alice, "swarmName": "support", "status": "accepted"}
    assert await wire.result(request_id) == marker
    assert await wire.redis.ttl(result_key) == -1
    backstage.open(door)
    assert (await wire.reply_of(request_id))["output"] == f"done: wait at {door}"
    assert 290 < await wire.redis.ttl(result_key) <= 300


async def test_a_plain_turn_has_three_events(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.bus_channel(alice)) as bus:
        reply = await wire.ask(alice, "echo", "Hello")
        begin, execute, end = await bus.until_end(reply["requestId"])
    common = {
        "context": {"swarmName": "echo"},
        "clientId": alice,
        "requestId": reply["requestId"],
        "turn": 1,
        "attempt": 1,
    }
    assert begin == common | {
        "type": "commit-execution-begin",
        "source": "execution-bus",
        "input": {},
        "output": {},
        "atMs": begin["atMs"],
    }
    assert execute == common | {
        "type": "execute",
        "source": "session-bus",
        "input": {"message": "Hello", "mode": "user"},
        "output": {"result": "You said: Hello"},
        "atMs": execute["atMs"],
    }
    assert end == common | {
        "type": "commit-execution-end",
        "source": "execution-bus",
        "input": {},
        "output": {"status": "completed"},
        "atMs": end["atMs"],
    }
    assert begin["atMs"] <= execute["atMs"] <= end["atMs"]


async def test_the_events_of_a_turn_are_one_list_in_the_events_stream(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.bus_channel(alice)) as bus:
        reply = await wire.ask(alice, "support", "tell one two")
        heard = await bus.until_end(reply["requestId"])
    assert await wire.events_of(reply["requestId"]) == heard


async def test_the_bus_of_all_clients_is_one_pattern(wire: Wire, alice: str) -> None:
    async with wire.watch("swarmline:{*}:bus:*") as bus:
        bob = alice.replace("alice", "bob")
        of_alice = await wire.say(alice, "echo", "Hello")
        of_bob = await wire.say(bob, "echo", "Hello")
        heard: dict[str, str] = {}
        while len(heard) < 2:
            channel, event = await bus.next_of()
            if event["requestId"] in (of_alice, of_bob):
                heard[channel] = event["clientId"]
    assert heard == {wire.bus_channel(alice): alice, wire.bus_channel(bob): bob}


async def test_with_bus_all_a_turn_tells_every_step(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "observed", "Hello")
    events = await wire.events_of(reply["requestId"])
    assert [event["type"] for event in events] == [
        "commit-execution-begin",
        "validate-input",
        "get-agent-name",
        "get-agent",
        "push",
        "push",
        "emit-output",
        "get-agent-name",
        "wait-for-output",
        "validate-output",
        "execute",
        "commit-execution-end",
    ]


async def test_unknown_fields_are_ignored(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "echo", "execute", {"message": "Hello", "colour": "red"}, weather="sunny", sentAtMs=1)
    assert (reply["status"], reply["output"]) == ("completed", "You said: Hello")


async def test_the_fields_may_come_in_any_order(wire: Wire, alice: str) -> None:
    request_id = new_id()
    await wire.push_entry(
        {
            "body": '{"message":"Hello"}',
            "kind": "execute",
            "swarmName": "echo",
            "clientId": alice,
            "requestId": request_id,
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "v": "1",
        }
    )
    assert (await wire.reply_of(request_id))["status"] == "completed"
