"""What a turn sends while it runs arrives before its reply, numbered, and can be read again afterwards."""

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire


async def test_an_emit_arrives_while_the_turn_runs(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        request_id = await wire.say(alice, "support", f"tell one {door}")
        one, two = await listener.next(), await listener.next()
        await backstage.reached(door)
        assert (await wire.accepted(request_id))["status"] == "accepted"
        assert await wire.outbox(alice, "support") == [one, two]
        backstage.open(door)
        reply = await listener.next()
    assert one == {
        "v": 1,
        "type": "emit",
        "seq": one["seq"],
        "data": "one",
        "agentName": "triage",
        "clientId": alice,
        "swarmName": "support",
        "requestId": request_id,
    }
    assert (reply["type"], reply["output"]) == ("reply", f"told one {door}")
    assert one["seq"] < two["seq"] < reply["seq"]
    assert await wire.outbox(alice, "support") == [one, two, reply]


async def test_events_of_a_long_turn_are_live_and_stand_once_in_the_stream(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    async with wire.listen(wire.bus_channel(alice)) as bus:
        request_id = await wire.say(alice, "support", f"tell one {door}")
        begin, emit, _ = await bus.next(), await bus.next(), await backstage.reached(door)
        assert (begin["type"], emit["type"], emit["input"]) == ("commit-execution-begin", "emit", {"message": "one"})
        assert await wire.redis.exists(wire.name(f"result:{request_id}"))
        backstage.open(door)
        rest = await bus.until_end(request_id)
    kinds = [event["type"] for event in rest]
    assert kinds == ["emit", "commit-tool-output", "execute", "commit-execution-end"]
    assert await wire.events_of(request_id) == [begin, emit, *rest]


async def test_a_client_that_was_away_reads_the_outbox_from_where_it_stopped(wire: Wire, alice: str) -> None:
    seen = await wire.ask(alice, "support", "Hello")
    ((last_id, _),) = await wire.redis.xrange(wire.name(f"outbox:support:{alice}"))
    await wire.ask(alice, "support", "tell one two")  # nobody listens
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        missed = await wire.outbox(alice, "support", after=f"({last_id.decode()}")
        last = await wire.ask(alice, "support", "Good-bye")
        live = [item for item in await listener.until_reply(last["requestId"]) if item["seq"] > missed[-1]["seq"]]
    whole = [seen, *missed, *live]
    assert [item.get("data", item.get("output")) for item in whole] == [
        *("triage: Hello", "one", "two", "told one two", "triage: Good-bye"),
    ]
    assert whole == await wire.outbox(alice, "support")


async def test_the_numbers_grow_over_turns_and_over_disposal(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        for message in ("Hello", "tell one two three", "Hello"):
            await wire.ask(alice, "support", message)
        await wire.do(alice, "support", "dispose")
        last = await wire.ask(alice, "support", "Hello")
        heard = await listener.until_reply(last["requestId"])
    assert [item["type"] for item in heard] == ["reply", "emit", "emit", "emit", "reply", "reply", "reply", "reply"]
    numbers = [item["seq"] for item in heard]
    assert numbers == sorted(set(numbers))


async def test_a_streamed_answer_comes_in_pieces_on_the_channel_only(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        request_id = await wire.say(alice, "support", "stream one two")
        heard = [await listener.next() for _ in range(3)]
    deltas = [item for item in heard if item["type"] == "delta"]
    common = {
        "v": 1,
        "type": "delta",
        "agentName": "triage",
        "clientId": alice,
        "swarmName": "support",
        "requestId": request_id,
        "attempt": 1,
    }
    assert deltas == [common | {"data": "one", "index": 0}, common | {"data": "two", "index": 1}]
    assert [item["type"] for item in await wire.outbox(alice, "support")] == ["reply"]


async def test_no_piece_of_a_streamed_answer_comes_behind_its_reply(wire: Wire, alice: str) -> None:
    words = [str(number) for number in range(200)]
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        request_id = await wire.say(alice, "support", f"stream {' '.join(words)}")
        *deltas, _reply = await listener.until_reply(request_id)
    assert [delta["data"] for delta in deltas] == words


async def test_half_a_surrogate_pair_costs_neither_the_stream_nor_the_answer(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        request_id = await wire.say(alice, "support", "stutter")
        items = await listener.until_reply(request_id)
    assert {item.get("data", item.get("output")) for item in items} == {"half a pair: ?"}
    assert (await wire.reply_of(request_id))["status"] == "completed"
