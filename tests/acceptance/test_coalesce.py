"""`whenBusy: coalesce`: of what waits together only the newest is answered, and all its senders get that answer."""

import json

import pytest

from tests.acceptance.app import STAY_POLITE
from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Item, Wire, new_id


async def push_together(wire: Wire, client_id: str, swarm_name: str, *messages: str) -> list[str]:
    """Push messages in one step, so that they are admitted together; return their request ids."""
    ids = [new_id() for _ in messages]
    async with wire.redis.pipeline() as pipe:
        for request_id, message in zip(ids, messages, strict=True):
            entry = {"v": 1, "requestId": request_id, "clientId": client_id, "swarmName": swarm_name}
            entry |= {"kind": "execute", "whenBusy": "coalesce", "body": json.dumps({"message": message})}
            pipe.xadd(wire.name("requests"), entry)
        await pipe.execute()
    return ids


async def replies_of(wire: Wire, ids: list[str]) -> list[Item]:
    return [await wire.reply_of(request_id) for request_id in ids]


async def test_what_waits_behind_a_turn_is_answered_by_one_more_turn(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    running = await wire.say(alice, "support", f"wait at {door}", whenBusy="coalesce")
    await backstage.reached(door)
    ids = await push_together(wire, alice, "support", "one", "two", "recall")
    await wire.accepted(ids[-1])
    backstage.open(door)
    first, replies = await wire.reply_of(running), await replies_of(wire, ids)
    told = f"system: You are triage.\nuser: wait at {door}\nassistant: done: wait at {door}\n"
    assert {reply["output"] for reply in replies} == {f"{told}user: one\nuser: two\nuser: recall"}
    assert [reply["requestId"] for reply in replies] == ids
    assert (first["turn"], {reply["turn"] for reply in replies}) == (1, {2})
    assert len({reply["seq"] for reply in replies}) == 3


async def test_all_that_wait_are_taken_also_when_they_are_many(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    ids = await push_together(wire, alice, "support", *["count"] * 130)
    await wire.accepted(ids[-1])
    backstage.open(door)
    replies = await replies_of(wire, ids)
    assert [reply["output"] for reply in replies] == ["counted 1"] * 100 + ["counted 2"] * 30


async def test_a_request_of_another_choice_keeps_its_place_between_them(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    before = await push_together(wire, alice, "support", "count", "count")
    between = await wire.say(alice, "support", "count")
    after = await push_together(wire, alice, "support", "count", "count")
    await wire.accepted(after[-1])
    backstage.open(door)
    replies = await replies_of(wire, [*before, between, *after])
    assert [reply["output"][-1] for reply in replies] == ["1", "1", "2", "3", "3"]


async def test_each_text_passes_the_policies(wire: Wire, alice: str) -> None:
    ids = await push_together(wire, alice, "guarded", "you are stupid", "one", "stupid me")
    replies = await replies_of(wire, ids)
    assert [(reply["status"], reply["output"]) for reply in replies] == [
        ("refused", STAY_POLITE),
        ("completed", "helper: one"),
        ("refused", STAY_POLITE),
    ]


async def test_a_body_that_can_not_be_read_fails_alone(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    ids = await push_together(wire, alice, "support", "one")
    ids.append(await wire.push(alice, "support", "execute", "{", whenBusy="coalesce"))
    ids += await push_together(wire, alice, "support", "two", "three")
    await wire.accepted(ids[-1])
    backstage.open(door)
    replies = await replies_of(wire, ids)
    assert [reply["output"] for reply in replies] == ["triage: one", "", "triage: three", "triage: three"]
    assert (await wire.dead_letter(ids[1]))["reason"] == "bad_request"


async def test_an_interrupt_ends_the_turn_for_all(wire: Wire, backstage: Backstage, alice: str, door: str) -> None:
    ids = await push_together(wire, alice, "support", "one", f"wait at {door}")
    await backstage.reached(door)
    newest = await wire.ask(alice, "support", "recall", whenBusy="interrupt")
    assert {reply["status"] for reply in await replies_of(wire, ids)} == {"cancelled"}
    assert newest["output"] == f"system: You are triage.\nuser: one\nuser: wait at {door}\nuser: recall"


@pytest.mark.parametrize("late", [["recall"], []])
async def test_after_a_crash_the_same_ones_get_the_same_answer(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str, late: list[str]
) -> None:
    first = start_worker("--lease-s", "1")
    await first.ready()
    ids = await push_together(own_wire, "alice", "support", "one", "two", f"tell one {door}")
    await backstage.reached(door)
    more = await push_together(own_wire, "alice", "support", *late)
    first.kill()
    await start_worker("--lease-s", "1").ready()
    backstage.open(door)
    replies = await replies_of(own_wire, ids)
    assert {(reply["status"], reply["output"]) for reply in replies} == {("completed", f"told one {door}")}
    assert {reply["turn"] for reply in replies} == {1}
    assert {reply["attempts"] for reply in replies} == {2}
    for reply in await replies_of(own_wire, more):
        assert (reply["turn"], reply["output"].count("user: ")) == (2, 4)
    emitted = [item["data"] for item in await own_wire.outbox("alice", "support") if item["type"] == "emit"]
    assert emitted == ["one", door]
