"""A session ends by time or by request; its callbacks run, nothing of it is left, what comes later opens a new one."""

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import PATIENCE_S, Wire
from tests.helpers.eventually import eventually, stays_so


async def _is_gone(wire: Wire, client_id: str) -> bool:
    return await wire.keys_of(client_id) == []


async def test_an_idle_session_is_disposed_when_its_time_is_over(wire: Wire, backstage: Backstage, alice: str) -> None:
    async with wire.listen(wire.bus_channel(alice)) as bus:
        await wire.ask(alice, "brief", "Hello")
        heard = await bus.until(lambda event: event["type"] == "dispose")
    assert (heard[-1]["source"], heard[-1]["input"]) == ("session-bus", {"reason": "ttl"})
    assert heard[-1]["context"] == {"swarmName": "brief"}
    # the backstop of an idle session is an expiry; but here everything went with the disposal itself
    assert await _is_gone(wire, alice)
    told = [line for line in backstage.page("disposed") if line.endswith(alice)]
    assert told == [f"helper brief {alice}"] * 2  # the swarm, then its agent


async def test_a_disposed_session_has_forgotten_everything(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "brief", "Hello")
    await eventually(lambda: _is_gone(wire, alice), within_s=PATIENCE_S)
    reply = await wire.ask(alice, "brief", "recall")
    assert (reply["output"], reply["turn"]) == ("user: recall", 1)


async def test_a_session_with_a_turn_under_way_is_not_disposed(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    running = await wire.say(alice, "brief", f"wait at {door}")
    await backstage.reached(door)
    bob = alice.replace("alice", "bob")
    await wire.ask(bob, "brief", "Hello")
    await eventually(lambda: _is_gone(wire, bob), within_s=PATIENCE_S)  # one whole life has passed
    backstage.open(door)
    assert (await wire.reply_of(running))["status"] == "completed"
    assert (await wire.ask(alice, "brief", "Hello"))["turn"] == 2


async def test_a_session_in_use_lives_on(wire: Wire, alice: str) -> None:
    bob = alice.replace("alice", "bob")
    await wire.ask(bob, "brief", "Hello")
    turn = 0

    async def bob_is_gone_while_alice_talks() -> bool:
        nonlocal turn
        turn += 1
        assert (await wire.ask(alice, "brief", "Hello"))["turn"] == turn
        return await _is_gone(wire, bob)

    await eventually(bob_is_gone_while_alice_talks, within_s=PATIENCE_S)
    assert turn > 1


async def test_a_session_is_disposed_by_request(wire: Wire, backstage: Backstage, alice: str) -> None:
    await wire.ask(alice, "brief", "Hello")
    async with wire.listen(wire.client_channel(alice, "brief")) as listener:
        reply = await wire.do(alice, "brief", "dispose")
        assert await listener.next() == reply
    assert (reply["status"], reply["output"], reply["error"]) == ("completed", "", None)
    assert await _is_gone(wire, alice)
    assert f"helper brief {alice}" in backstage.page("disposed")
    (event,) = await wire.events_of(reply["requestId"])
    assert (event["type"], event["input"]) == ("dispose", {"reason": "request"})


async def test_a_disposal_takes_its_turn(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    before, disposal, after = [
        await wire.say(alice, "support", "count"),
        await wire.push(alice, "support", "dispose"),
        await wire.say(alice, "support", "count"),
    ]
    backstage.open(door)
    assert (await wire.reply_of(running))["status"] == "completed"
    assert (await wire.reply_of(before))["turn"] == 2
    assert (await wire.reply_of(disposal))["status"] == "completed"
    fresh = await wire.reply_of(after)
    assert (fresh["output"], fresh["turn"]) == ("counted 1", 1)
    assert [item["requestId"] for item in await wire.outbox(alice, "support")] == [after]


async def test_a_forced_disposal_waits_for_nothing(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    running = await wire.say(alice, "brief", f"wait at {door}")
    await backstage.reached(door)
    waiting = [await wire.say(alice, "brief", "Hello") for _ in range(20)]
    async with wire.listen(wire.bus_channel(alice)) as bus:
        disposal = await wire.do(alice, "brief", "dispose", force="1")
        heard = await bus.until(lambda event: event["type"] == "dispose")
    assert disposal["status"] == "completed"
    assert heard[-1]["input"] == {"reason": "force"}
    for request_id in (running, *waiting):
        reply = await wire.reply_of(request_id)
        assert (reply["status"], reply["output"]) == ("cancelled", "")
    assert await _is_gone(wire, alice)
    backstage.open(door)
    await stays_so(lambda: _is_gone(wire, alice))  # no orphan comes back to life


async def test_a_forced_disposal_of_an_idle_session_is_a_plain_one(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    reply = await wire.do(alice, "support", "dispose", force="1")
    assert reply["status"] == "completed"
    assert await _is_gone(wire, alice)


async def test_what_is_pushed_right_behind_a_forced_disposal_is_answered(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    disposal = await wire.push(alice, "support", "dispose", force="1")
    later = [await wire.say(alice, "support", "Hello") for _ in range(10)]
    assert (await wire.reply_of(running))["status"] == "cancelled"
    assert (await wire.reply_of(disposal))["status"] == "completed"
    statuses = [(await wire.reply_of(request_id))["status"] for request_id in later]
    # what came before the disposal took hold goes with it; everything after that opens a fresh session
    assert statuses == sorted(statuses)
    assert set(statuses) <= {"cancelled", "completed"}
    assert (await wire.ask(alice, "support", "Hello"))["turn"] == statuses.count("completed") + 1


async def test_a_session_that_was_disposed_twice_is_disposed_once(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "support", "Hello")
    first = await wire.push(alice, "support", "dispose")
    second = await wire.push(alice, "support", "dispose")
    for request_id in (first, second):
        assert (await wire.reply_of(request_id))["status"] == "completed"
    assert await _is_gone(wire, alice)
