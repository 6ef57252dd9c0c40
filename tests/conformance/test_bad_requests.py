"""A request that can't be done says what to change, whatever its kind, and opens no session."""

import json
from typing import Any

import pytest

from schemas.requests import RequestKind
from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from worker import Policy

#: kind -> bodies that are wrong, each with what the message must name
WRONG: dict[str, list[tuple[Any, str]]] = {
    "execute": [
        ({}, "message"),
        ({"message": None}, "message"),
        ({"message": ["hi"]}, "message"),
        ({"message": "hi", "mode": "shout"}, "mode"),
        ({"message": "hi", "mode": None}, "mode"),
        ({"message": "hi", "agentName": 7}, "agentName"),
        ({"message": "hi", "agentName": "no name"}, "agentName"),
    ],
    "run": [({}, "message"), ({"message": 1.5}, "message")],
    "complete": [({}, "message"), ({"message": {}}, "message")],
    "connect": [],
    "commit-user-message": [({}, "message"), ({"message": "hi", "mode": "x"}, "mode")],
    "commit-system-message": [({}, "message"), ({"message": "hi", "agentName": "a/b"}, "agentName")],
    "commit-developer-message": [({}, "message"), ({"message": 0}, "message")],
    "commit-assistant-message": [({}, "message"), ({"message": True}, "message")],
    "commit-tool-output": [({"toolId": "x"}, "content"), ({"content": "x"}, "toolId"), ({"toolId": 1}, "toolId")],
    "commit-tool-request": [
        ({}, "request"),
        ({"request": {"toolName": "look", "params": {}}}, "request"),
        ({"request": [{"toolName": "look"}]}, "params"),
        ({"request": [{"toolName": "look", "params": [1]}]}, "params"),
        ({"request": [{"toolName": "no name", "params": {}}]}, "toolName"),
    ],
    "commit-flush": [({"agentName": ""}, "agentName")],
    "commit-stop-tools": [({"agentName": []}, "agentName")],
    "change-agent": [({}, "agentName"), ({"agentName": ""}, "agentName"), ({"agentName": None}, "agentName")],
    "change-to-default-agent": [],
    "change-to-prev-agent": [],
    "event": [
        ({"payload": 1}, "topic"),
        ({"topic": "tick"}, "payload"),
        ({"topic": "swarm-bus", "payload": 1}, "topic"),
    ],
    "emit": [({}, "message"), ({"message": 3}, "message")],
    "notify": [({}, "message"), ({"message": 3}, "message")],
    "cancel-output": [({"agentName": 3}, "agentName")],
    "ban": [({}, "policyName"), ({"policyName": 1}, "policyName"), ({"policyName": "unknown"}, "polite")],
    "unban": [({}, "policyName"), ({"policyName": "unknown"}, "polite")],
    "operator-answer": [({}, "message"), ({"message": 3}, "message")],
    "dispose": [],
}
#: no object at all, whatever the kind
RUBBISH = ["", "hi", "[]", "null", '"text"', "{", '{"message":"hi"', "{'message':'hi'}", '{"a":1,"a":2}', '{"a":NaN}']
#: answered at admission, which reads no body, when there is no session
NEEDS_SESSION = {"event", "cancel-output", "dispose", "operator-answer"}


def test_every_kind_is_tried() -> None:
    assert set(WRONG) == set(RequestKind)


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_body_of_any_kind_names_what_to_change_and_opens_no_session(kind: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a"), policies=[Policy("polite")]))
    if kind in NEEDS_SESSION:
        await client.ask("hi")
    keys = await client.wire.keys_of("alice")
    wrong: list[tuple[str | bytes, str]] = [(json.dumps(body), named) for body, named in WRONG[kind]]
    wrong += [(body, "") for body in RUBBISH] + [(b'{"message":"\xff"}', "UTF-8")]
    for body, named in wrong:
        request_id = await client.wire.push("alice", "support", kind, body)
        reply = await client.reply_of(request_id)
        assert (reply["status"], reply["output"]) == ("failed", ""), body
        assert reply["error"]["code"] == "bad_request", body
        assert named in reply["error"]["message"], body
        assert len(reply["error"]["message"]) > 10
        assert (await client.wire.dead_letter(request_id))["reason"] == "bad_request"
    assert await client.wire.keys_of("alice") == keys
    assert await client.answer("hi") == "hi"


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_body_leaves_a_living_session_as_it_was_and_unknown_keys_are_ignored(
    kind: str, serve: Serve
) -> None:
    client = await serve(swarm(agent("a"), policies=[Policy("polite")]))
    await client.ask("hi")
    before = await client.wire.redis.dump(client.wire.name("history:support:alice"))
    for body, _ in WRONG[kind]:
        assert (await client.do(kind, **body))["status"] == "failed"
    after = await client.wire.redis.dump(client.wire.name("history:support:alice"))
    assert before is not None
    assert before == after
    assert await client.answer("hi", futureKey={"deep": [1]}) == "hi"
