"""What an execute request meets when its session is busy: the sender decides with `whenBusy`, else the swarm."""

import pytest

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Item, Wire, new_id


def _is_rejected(reply: Item, code: str) -> None:
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("rejected", "", code)
    assert (reply["turn"], reply["agentName"], reply["seq"]) == (None, None, None)


async def test_reject_is_answered_at_once(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    reply_to = wire.name(f"reply:{alice}")
    async with wire.listen(wire.client_channel(alice, "support"), reply_to) as listener:
        reply = await wire.ask(alice, "support", "count", whenBusy="reject", replyTo=reply_to)
        assert [await listener.next(), await listener.next()] == [reply, reply]
    _is_rejected(reply, "busy")
    backstage.open(door)
    assert (await wire.reply_of(running))["status"] == "completed"
    assert (await wire.ask(alice, "support", "count"))["output"] == "counted 1"


async def test_reject_lets_a_request_through_to_an_idle_session(wire: Wire, alice: str) -> None:
    for turn in (1, 2):
        replies = [await wire.ask(alice, "support", "Hello", whenBusy="reject")]
        # the reply may be read before the session is released, in the same breath; then the sender tries again
        while replies[-1]["status"] == "rejected":
            replies.append(await wire.ask(alice, "support", "Hello", whenBusy="reject"))
        assert replies[-1]["turn"] == turn


async def test_throttle_takes_one_request_in_its_window(wire: Wire, alice: str) -> None:
    first = await wire.ask(alice, "calm", "first")
    assert first["status"] == "completed"
    _is_rejected(await wire.ask(alice, "calm", "second"), "throttled")
    # somebody else has a window of his own
    assert (await wire.ask(alice.replace("alice", "bob"), "calm", "first"))["status"] == "completed"


async def test_a_full_mailbox_rejects_what_is_too_much(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    await wire.say(alice, "small", f"wait at {door}")
    await backstage.reached(door)
    ids = [await wire.say(alice, "small", "count") for _ in range(8)]
    last = await wire.reply_of(ids[-1])
    _is_rejected(last, "mailbox_full")
    backstage.open(door)
    replies = [await wire.reply_of(request_id) for request_id in ids]
    taken = [reply for reply in replies if reply["status"] == "completed"]
    assert 2 <= len(taken) <= 3
    assert replies[: len(taken)] == taken
    assert [reply["output"] for reply in taken] == [f"counted {n + 1}" for n in range(len(taken))]
    assert (await wire.ask(alice, "small", "count"))["output"] == f"counted {len(taken) + 1}"


async def test_interrupt_cancels_the_running_turn_and_keeps_what_was_said(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    newest = await wire.ask(alice, "support", "recall", whenBusy="interrupt")
    interrupted = await wire.reply_of(running)
    assert (interrupted["status"], interrupted["output"]) == ("cancelled", "")
    assert newest["output"] == f"system: You are triage.\nuser: wait at {door}\nuser: recall"
    assert (interrupted["turn"], newest["turn"]) == (1, 2)
    end = (await wire.events_of(running))[-1]
    assert (end["type"], end["output"]) == ("commit-execution-end", {"status": "cancelled"})


async def test_rollback_cancels_the_running_turn_and_leaves_no_trace_of_it(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    await wire.ask(alice, "support", "Hello")
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    newest = await wire.ask(alice, "support", "recall", whenBusy="rollback")
    assert (await wire.reply_of(running))["status"] == "cancelled"
    assert newest["output"] == ("system: You are triage.\nuser: Hello\nassistant: triage: Hello\nuser: recall")


async def test_rollback_takes_back_states_and_can_not_unsend(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    await wire.ask(alice, "support", "count")
    running = await wire.say(alice, "support", f"tell one {door}")
    await backstage.reached(door)
    newest = await wire.ask(alice, "support", "count", whenBusy="rollback")
    assert (await wire.reply_of(running))["status"] == "cancelled"
    assert newest["output"] == "counted 2"
    assert [item.get("data") for item in await wire.outbox(alice, "support")][1:3] == ["one", door]


@pytest.mark.parametrize("when_busy", ["enqueue", "interrupt", "rollback", "coalesce", "throttle", "reject"])
async def test_every_choice_lets_a_request_through_to_a_new_session(when_busy: str, wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "support", "Hello", whenBusy=when_busy)
    assert (reply["status"], reply["turn"]) == ("completed", 1)


async def test_each_interrupt_ends_the_turn_before_it(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    ids = [await wire.say(alice, "support", f"wait at {door}")]
    for times in (1, 2, 3):
        await backstage.reached(door, times=times)
        ids.append(await wire.say(alice, "support", f"wait at {door}", whenBusy="interrupt"))
    await backstage.reached(door, times=4)
    backstage.open(door)
    replies = [await wire.reply_of(request_id) for request_id in ids]
    assert [reply["status"] for reply in replies] == ["cancelled", "cancelled", "cancelled", "completed"]
    assert [reply["turn"] for reply in replies] == [1, 2, 3, 4]


async def test_interrupts_of_one_moment_all_end_the_same_turn(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    first = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    async with wire.redis.pipeline() as pipe:  # in one step: each of them finds the first turn running
        ids = [new_id() for _ in range(5)]
        for request_id in ids:
            entry = {"v": 1, "requestId": request_id, "clientId": alice, "swarmName": "support", "kind": "execute"}
            entry |= {"whenBusy": "interrupt", "body": '{"message":"Hello"}'}
            pipe.xadd(wire.name("requests"), entry)
        await pipe.execute()
    assert (await wire.reply_of(first))["status"] == "cancelled"
    assert {(await wire.reply_of(request_id))["status"] for request_id in ids} == {"completed"}
