"""Rubbish on the requests stream stops nobody, is never dropped silently, and is answered where that can be done."""

import json
from typing import Any

import pytest

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Item, Wire, new_id

UNREADABLE: dict[str, dict[Any, Any]] = {
    "no request id": {"v": "1", "swarmName": "echo", "kind": "execute"},
    "an empty request id": {"v": "1", "requestId": "", "swarmName": "echo", "kind": "execute"},
    "a request id with a space": {"v": "1", "requestId": "r 1", "swarmName": "echo", "kind": "execute"},
    "a request id that is too long": {"v": "1", "requestId": "r" * 129, "swarmName": "echo", "kind": "execute"},
    "a request id that is not text": {"v": "1", "requestId": b"\xff\xfe", "swarmName": "echo", "kind": "execute"},
    "something else altogether": {"job": "send-mail", b"\xff\x00": b"\xfe\x01"},
    "more fields than anybody needs": {f"field-{number}": number for number in range(200)},
}

#: what is wrong -> (fields to change, reason of the dead letter, error code of the reply)
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no version": ({"v": None}, "malformed", "bad_request"),
    "another version": ({"v": "2"}, "malformed", "bad_request"),
    "no client": ({"clientId": None}, "malformed", "bad_request"),
    "no swarm": ({"swarmName": None}, "malformed", "bad_request"),
    "no kind": ({"kind": None}, "malformed", "bad_request"),
    "an unknown kind": ({"kind": "explode"}, "unknown_kind", "bad_request"),
    "an unknown swarm": ({"swarmName": "nobody"}, "unknown_swarm", "unknown_swarm"),
    "a swarm name with a colon": ({"swarmName": "echo:x"}, "bad_name", "bad_request"),
    "a swarm name that is too long": ({"swarmName": "e" * 65}, "bad_name", "bad_request"),
    "an empty client id": ({"clientId": ""}, "bad_name", "bad_request"),
    "a client id with a glob": ({"clientId": "ali*"}, "bad_name", "bad_request"),
    "a client id with a hash tag": ({"clientId": "{1}alice"}, "bad_name", "bad_request"),
    "a client id with a space": ({"clientId": "alice smith"}, "bad_name", "bad_request"),
    "a client id with a Unicode space": ({"clientId": "alice\u2003smith"}, "bad_name", "bad_request"),
    "a client id with a line break": ({"clientId": "alice\nsmith"}, "bad_name", "bad_request"),
    "a client id that is too long": ({"clientId": "ä" * 129}, "bad_name", "bad_request"),
    "a client id that is not text": ({"clientId": b"\xff\xfe"}, "bad_name", "bad_request"),
    "a deadline that is no time": ({"deadlineMs": "tomorrow"}, "bad_request", "bad_request"),
    "an unknown whenBusy": ({"whenBusy": "panic"}, "bad_request", "bad_request"),
    "a force that is no flag": ({"kind": "dispose", "force": "yes"}, "bad_request", "bad_request"),
    "a reply channel of another shard": ({"replyTo": "swarmline:{1}:reply:x"}, "bad_request", "bad_request"),
    "a reply channel that is none": ({"replyTo": "swarmline:{0}:bus:alice"}, "bad_request", "bad_request"),
    "a reply channel that is too long": (
        {"replyTo": "swarmline:{0}:reply:" + "x" * 256},
        "bad_request",
        "bad_request",
    ),
    "a body that is too large": ({"body": '{"message":"' + "x" * 262_144 + '"}'}, "too_large", "bad_request"),
}

BODIES = {
    "no JSON": "Hello",
    "half of an object": '{"message":"Hel',
    "a list": '["Hello"]',
    "nothing": "",
    "no message": "{}",
    "a number for a message": '{"message":42}',
    "null for a message": '{"message":null}',
    "an unknown mode": '{"message":"Hello","mode":"shout"}',
    "an agent name that is none": '{"message":"Hello","agentName":"a b"}',
    "a double key": '{"message":"Hello","message":"Good-bye"}',
    "a number that is none": '{"message":"Hello","payload":NaN}',
    "too many levels": '{"message":"Hello","payload":' + "[" * 40 + "]" * 40 + "}",
    "half of a surrogate pair": '{"message":"\\ud800"}',
    "bytes that are not UTF-8": b'{"message":"\xff"}',
}


@pytest.mark.parametrize("entry", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_entry_without_a_readable_id_is_buried_between_good_ones(
    entry: dict[Any, Any], wire: Wire, alice: str
) -> None:
    before = await wire.say(alice, "echo", "before")
    await wire.push_entry(entry | {"mark": alice})
    after = await wire.say(alice, "echo", "after")
    assert [(await wire.reply_of(request_id))["turn"] for request_id in (before, after)] == [1, 2]
    if len(entry) > 64:
        letter = await _newest_malformed(wire)
        assert letter["orig.field-0"] == "0"
    else:
        (letter,) = await wire.dead_letters("mark", alice)
        assert letter["orig.mark"] == alice
    assert (letter["reason"], letter["attempts"]) == ("malformed", "0")
    assert letter["error"]
    assert int(letter["atMs"]) > 0


async def _newest_malformed(wire: Wire) -> dict[str, str]:
    entries = await wire.dead_letters("field-1", "1")
    return entries[-1]


@pytest.mark.parametrize(("changes", "reason", "code"), FAULTS.values(), ids=FAULTS)
async def test_a_faulty_request_is_buried_and_answered_between_good_ones(
    changes: dict[str, Any], reason: str, code: str, wire: Wire, alice: str
) -> None:
    request_id = new_id()
    entry = {"v": "1", "requestId": request_id, "clientId": alice, "swarmName": "echo", "kind": "execute"}
    entry |= {"body": '{"message":"Hello"}', "mark": alice} | changes
    entry = {name: value for name, value in entry.items() if value is not None}
    before = await wire.say(alice, "echo", "before")
    await wire.push_entry(entry)
    after = await wire.say(alice, "echo", "after")
    assert [(await wire.reply_of(good))["turn"] for good in (before, after)] == [1, 2]

    (letter,) = await wire.dead_letters("mark", alice)
    assert (letter["reason"], letter["attempts"]) == (reason, "0")
    assert {name.removeprefix("orig."): value for name, value in letter.items() if name.startswith("orig.")} == {
        name: value if isinstance(value, str) else value.decode(errors="backslashreplace")
        for name, value in entry.items()
    }
    _is_failure(await wire.reply_of(request_id), code)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_faulty_body_fails_between_good_ones(body: str | bytes, wire: Wire, alice: str) -> None:
    before = await wire.say(alice, "echo", "before")
    async with wire.listen(wire.client_channel(alice, "echo")) as listener:
        faulty = await wire.push(alice, "echo", "execute", body, traceparent="00-0af7-b7ad-01")
        after = await wire.say(alice, "echo", "after")
        heard = await listener.until_reply(after)
    assert [(await wire.reply_of(good))["turn"] for good in (before, after)] == [1, 2]
    reply = await wire.reply_of(faulty)
    _is_failure(reply, "bad_request")
    assert reply in heard
    letter = await wire.dead_letter(faulty)
    assert (letter["reason"], letter["orig.clientId"], letter["orig.kind"]) == ("bad_request", alice, "execute")
    assert letter["orig.body"] == (body if isinstance(body, str) else body.decode(errors="backslashreplace"))
    assert letter["error"] == reply["error"]["message"]


def _is_failure(reply: Item, code: str) -> None:
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", "", code)
    assert (reply["turn"], reply["agentName"], reply["seq"]) == (None, None, None)
    assert reply["error"]["message"]
    assert "Traceback" not in json.dumps(reply)


async def test_a_good_body_may_be_as_large_as_the_limit(wire: Wire, alice: str) -> None:
    message = "x" * (262_144 - len('{"message":""}'))
    reply = await wire.do(alice, "echo", "execute", f'{{"message":"{message}"}}')
    assert (reply["status"], len(reply["output"])) == ("completed", len("You said: ") + len(message))


async def test_a_malformed_entry_does_not_touch_the_live_request_of_its_id(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    request_id = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    await wire.push_entry({"v": "1", "requestId": request_id, "mark": alice})
    (letter,) = await wire.dead_letters("mark", alice)
    assert letter["reason"] == "malformed"
    assert (await wire.accepted(request_id))["status"] == "accepted"
    backstage.open(door)
    assert (await wire.reply_of(request_id))["status"] == "completed"


@pytest.mark.parametrize("reply_to", ["somewhere", "swarmline:{0}:bus:alice", "swarmline:{0}:reply:a b"])
async def test_a_bad_reply_channel_hears_nothing_and_the_client_channel_does(
    reply_to: str, wire: Wire, alice: str
) -> None:
    async with wire.listen(reply_to, wire.client_channel(alice, "echo")) as listener:
        request_id = await wire.say(alice, "echo", "Hello", replyTo=reply_to)
        channel, reply = await listener.next_of()
        assert channel == wire.client_channel(alice, "echo")
        assert (reply["requestId"], reply["status"], reply["error"]["code"]) == (request_id, "failed", "bad_request")
        after = await wire.say(alice, "echo", "Hello")
        assert (await listener.next())["requestId"] == after


async def test_a_dead_letter_can_be_redriven_by_hand(wire: Wire, alice: str) -> None:
    faulty = await wire.push(alice, "echo", "execute", '{"message":42}')
    letter = await wire.dead_letter(faulty)
    entry = {name.removeprefix("orig."): value for name, value in letter.items() if name.startswith("orig.")}
    again = f"{faulty[:100]}.r1"
    await wire.push_entry(entry | {"requestId": again, "orig.requestId": faulty, "body": '{"message":"Hello"}'})
    assert (await wire.reply_of(again))["output"] == "You said: Hello"
