"""What does not wait behind the running turn (protocol.md, control lane; spec, sections 3.3, 3.4, 5, 6.4, 6.5)."""

import json
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, reply_of, started, swarm_of, trace_of
from tests.turn.test_corridor import Hanging
from worker import Policy, PolicyCallbacks, SwarmCallbacks
from worker.completions import EchoCompletion
from worker.turn.corridor import take_turn

STRICT = Policy("strict", validate_output=lambda text, _session: "secret" not in text, ban_message="no")


def plain(**options: Any) -> Stage:
    return Stage(swarm_of(agent("a", EchoCompletion()), policies=[STRICT], **options))


def items(turn: Any) -> list[dict[str, Any]]:
    return [json.loads(item) for item in turn.emits]


async def test_an_emit_takes_the_place_of_the_running_answer() -> None:
    hanging = Hanging(bus="all")
    turn = hanging.stage.open("execute", message="hi")
    task = await started(turn, hanging.reached)
    control = hanging.stage.open("emit", beside=turn, message="instead")
    finished = await take_turn(control)
    assert reply_of(finished).output == ""
    assert [item["data"] for item in items(control)] == ["instead"]
    ended = await hanging.ended(turn, task)
    assert (reply_of(ended).status, reply_of(ended).output) == ("completed", "instead")
    assert trace_of(ended)[-2:] == ["session-bus execute", "execution-bus commit-execution-end"]


async def test_an_emit_is_one_event_and_one_item_and_uses_no_turn() -> None:
    told: list[str] = []
    stage = plain(callbacks=SwarmCallbacks(on_emit=lambda _turn, text: told.append(text)))
    await stage.say("hi")
    turn = stage.open("emit", message="news")
    finished = await take_turn(turn)
    assert trace_of(finished) == ["session-bus emit"]
    assert items(turn) == [
        {
            "v": 1,
            "type": "emit",
            "data": "news",
            "agentName": "a",
            "clientId": "alice",
            "swarmName": "support",
            "requestId": "r-2",
        }
    ]
    assert (stage.session.turn, reply_of(finished).turn, finished.document) == (1, 1, None)
    assert told == ["news"]


async def test_a_refused_emit_sends_the_ban_message() -> None:
    stage = plain()
    await stage.say("hi")
    turn = stage.open("emit", message="a secret")
    reply = reply_of(await take_turn(turn))
    assert (reply.status, reply.output) == ("refused", "no")
    assert [item["data"] for item in items(turn)] == ["no"]


@pytest.mark.parametrize("kind", ["emit", "notify"])
async def test_without_a_session_the_client_is_still_told_but_none_is_opened(kind: str) -> None:
    stage = plain()
    turn = stage.open(kind, message="news")
    finished = await take_turn(turn)
    reply = reply_of(finished)
    assert (reply.status, reply.output, reply.agent_name) == ("completed", "", None)
    assert [(item["type"], item["agentName"]) for item in items(turn)] == [(kind, None)]
    assert (finished.events, finished.opens) == ([], False)


async def test_a_notification_touches_no_turn_and_has_no_event() -> None:
    hanging = Hanging()
    turn = hanging.stage.open("execute", message="hi")
    task = await started(turn, hanging.reached)
    control = hanging.stage.open("notify", beside=turn, message="news")
    finished = await take_turn(control)
    assert (finished.events, turn.cancelled_by) == ([], "")
    assert [item["type"] for item in items(control)] == ["notify"]
    turn.cancelled_by = "cancel-output"
    await hanging.ended(turn, task)


async def test_a_cancel_ends_the_running_turn_and_is_told_for_every_agent() -> None:
    hanging = Hanging(bus="all")
    turn = hanging.stage.open("execute", message="hi")
    task = await started(turn, hanging.reached)
    finished = await take_turn(hanging.stage.open("cancel-output", beside=turn))
    assert trace_of(finished) == [
        "swarm-bus get-agent-name",
        "agent-bus commit-cancel-output",
        "swarm-bus cancel-output",
    ]
    assert reply_of(await hanging.ended(turn, task)).status == "cancelled"


async def test_a_cancel_for_another_agent_is_skipped() -> None:
    hanging = Hanging()
    turn = hanging.stage.open("execute", message="hi")
    task = await started(turn, hanging.reached)
    finished = await take_turn(hanging.stage.open("cancel-output", beside=turn, agentName="b"))
    assert reply_of(finished).skipped
    assert turn.cancelled_by == ""
    turn.cancelled_by = "cancel-output"
    await hanging.ended(turn, task)


async def test_a_ban_holds_from_the_next_check_on_and_can_be_lifted() -> None:
    told: list[str] = []
    callbacks = PolicyCallbacks(
        on_ban_client=lambda _turn, name: told.append(f"ban {name}"),
        on_unban_client=lambda _turn, name: told.append(f"unban {name}"),
    )
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[Policy("p", ban_message="no", callbacks=callbacks)]))
    turn = stage.open("ban", policyName="p")
    finished = await take_turn(turn)
    assert trace_of(finished) == ["policy-bus ban-client"]
    assert turn.ban_changes == [("p", True)]
    assert (await stage.say("hi")).output == "no"
    lift = stage.open("unban", policyName="p")
    assert trace_of(await take_turn(lift)) == ["policy-bus unban-client"]
    assert lift.ban_changes == [("p", False)]
    assert (await stage.say("hi")).output == "hi"
    assert told == ["ban p", "unban p"]


async def test_a_second_ban_changes_nothing() -> None:
    stage = plain()
    await stage.send("ban", policyName="strict")
    turn = stage.open("ban", policyName="strict")
    finished = await take_turn(turn)
    assert (turn.ban_changes, finished.events, finished.status) == ([], [], "completed")


@pytest.mark.parametrize("kind", ["ban", "unban"])
async def test_a_ban_names_a_policy_of_the_swarm(kind: str) -> None:
    finished = await plain().send(kind, policyName="unknown")
    reply = reply_of(finished)
    assert reply.error is not None
    assert reply.error.code == "bad_request"
    assert "'unknown'" in reply.error.message
    assert "strict" in reply.error.message
    assert finished.dead_reason == "bad_request"


async def test_a_ban_of_a_policy_that_is_gone_can_be_lifted() -> None:
    stage = plain()
    stage.session.banned = {"gone"}
    turn = stage.open("unban", policyName="gone")
    assert (await take_turn(turn)).status == "completed"
    assert turn.ban_changes == [("gone", False)]
