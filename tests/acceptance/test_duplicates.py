"""A request that is sent twice runs once; an id can't be taken over by somebody else."""

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire, new_id


async def test_a_request_sent_again_while_it_waits_runs_once(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    await wire.say(alice, "support", f"wait at {door}")
    request_id = new_id()
    for _ in range(3):
        await wire.say(alice, "support", "count", requestId=request_id)
    last = await wire.say(alice, "support", "count")
    backstage.open(door)
    assert (await wire.reply_of(last))["turn"] == 3
    assert (await wire.reply_of(request_id))["output"] == "counted 1"
    assert (await wire.reply_of(last))["output"] == "counted 2"


async def test_a_request_sent_again_after_its_reply_is_dropped_silently(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.client_channel(alice, "support")) as listener:
        first = await wire.ask(alice, "support", "count")
        await wire.say(alice, "support", "count", requestId=first["requestId"])
        second = await wire.ask(alice, "support", "count")
        assert await listener.until_reply(second["requestId"]) == [first, second]
    assert await wire.result(first["requestId"]) == first
    assert second["output"] == "counted 2"
    assert len(await wire.outbox(alice, "support")) == 2


async def test_the_id_of_another_client_is_a_dead_letter(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "echo", "Hello")
    request_id, bob = reply["requestId"], alice.replace("alice", "bob")
    async with wire.listen(wire.client_channel(bob, "echo"), wire.bus_channel(bob)) as listener:
        await wire.say(bob, "echo", "whose id is it?", requestId=request_id)
        (letter,) = await wire.dead_letters("clientId", bob)
        after = await wire.say(bob, "echo", "Hello")
        assert (await listener.next())["requestId"] == after
    assert letter["reason"] == "duplicate_id"
    assert letter["orig.requestId"] == request_id
    # nothing of the one whose id it is reaches the other, and nothing is changed
    assert alice not in letter["error"]
    assert await wire.result(request_id) == reply


async def test_the_same_id_in_another_swarm_is_a_dead_letter(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "echo", "Hello")
    await wire.say(alice, "support", "Hello", requestId=reply["requestId"])
    assert (await wire.dead_letter(reply["requestId"]))["reason"] == "duplicate_id"
    assert await wire.result(reply["requestId"]) == reply


async def test_a_request_that_was_rejected_keeps_its_answer(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "calm", "first")
    rejected = await wire.ask(alice, "calm", "second")
    await wire.say(alice, "calm", "second", requestId=rejected["requestId"])
    await wire.ask(alice, "calm", "third", whenBusy="enqueue")
    assert await wire.result(rejected["requestId"]) == rejected
