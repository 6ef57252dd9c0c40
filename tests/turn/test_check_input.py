"""Whether a message may come in (spec, section 5)."""

from typing import Any

import pytest

from tests.turn.recording import Stage, agent, records_of, reply_of, swarm_of
from worker import Policy, PolicyCallbacks, SessionInfo
from worker.completions import EchoCompletion


def stage(*policies: Policy, **options: Any) -> Stage:
    return Stage(swarm_of(agent("a", EchoCompletion()), policies=policies, **options))


def refuse(_message: str, _session: SessionInfo) -> bool:
    return False


def refusing(name: str, **options: Any) -> Policy:
    return Policy(name, validate_input=refuse, ban_message=f"{name} says no", **options)


async def test_a_refused_message_is_answered_with_the_ban_message_and_leaves_no_record() -> None:
    finished = await stage(refusing("p")).send("execute", message="hi")
    reply = reply_of(finished)
    assert (reply.status, reply.output, reply.turn, reply.agent_name) == ("refused", "p says no", 1, "a")
    assert reply.error is not None
    assert (reply.error.code, reply.error.policy_name) == ("policy_refused", "p")
    assert finished.records == []


async def test_the_first_policy_that_refuses_speaks_and_later_ones_are_not_asked() -> None:
    asked: list[str] = []

    def watching(name: str, *, verdict: bool) -> Policy:
        def validate(_message: str, _session: SessionInfo) -> bool:
            asked.append(name)
            return verdict

        return Policy(name, validate_input=validate, ban_message=name)

    reply = await stage(watching("a", verdict=True), watching("b", verdict=False), watching("c", verdict=False)).say(
        "hi"
    )
    assert (reply.output, asked) == ("b", ["a", "b"])


@pytest.mark.parametrize("verdict", [True, False])
async def test_an_async_validator_is_awaited(*, verdict: bool) -> None:
    async def validate(_message: str, _session: SessionInfo) -> bool:
        return verdict

    reply = await stage(Policy("p", validate_input=validate)).say("hi")
    assert (reply.status == "completed") is verdict


async def test_a_validator_that_raises_refuses() -> None:
    async def late(_message: str, _session: SessionInfo) -> bool:
        raise OSError

    def early(_message: str, _session: SessionInfo) -> bool:
        raise OSError

    for validate in (late, early):
        on = stage(Policy("p", validate_input=validate, ban_message="no"))
        assert (await on.say("hi")).output == "no"
        assert on.port.notes == ["validator_error"]


async def test_validators_are_told_about_the_session() -> None:
    told: list[SessionInfo] = []

    def validate(_message: str, session: SessionInfo) -> bool:
        told.append(session)
        return True

    await stage(Policy("p", validate_input=validate)).say("hi", payload={"lang": "en"})
    assert told == [SessionInfo("alice", "support", "a", "r-1", 1, {"lang": "en"})]


async def test_auto_ban_refuses_everything_afterwards_without_asking() -> None:
    asked: list[str] = []

    def validate(message: str, _session: SessionInfo) -> bool:
        asked.append(message)
        return message != "bad"

    on = stage(Policy("p", validate_input=validate, ban_message="no", auto_ban=True))
    finished = await on.send("execute", message="bad")
    assert (await on.say("good")).output == "no"
    assert asked == ["bad"]
    assert on.session.banned == {"p"}
    assert "ban-client" in finished.events[2]


async def test_a_banned_client_is_refused_before_the_agent_is_asked() -> None:
    on = stage(Policy("p", ban_message="banned"))
    on.session.banned = {"p"}
    finished = await on.send("execute", message="hi")
    assert (finished.status, records_of(finished)) == ("refused", [])


@pytest.mark.parametrize(("made", "read"), [("Ask again, alice", "Ask again, alice"), (None, "fixed"), ("", "fixed")])
async def test_a_ban_message_may_be_computed(made: str | None, read: str) -> None:
    policy = Policy("p", validate_input=refuse, ban_message="fixed", get_ban_message=lambda _session: made)
    assert (await stage(policy).say("hi")).output == read


async def test_a_ban_message_that_can_not_be_computed_is_the_fixed_one() -> None:
    def fail(session: SessionInfo) -> str:
        raise OSError(session.client_id)

    policy = Policy("p", validate_input=refuse, ban_message="fixed", get_ban_message=fail)
    assert (await stage(policy).say("hi")).output == "fixed"


async def test_callbacks_of_a_policy_are_told() -> None:
    told: list[tuple[str, ...]] = []
    callbacks = PolicyCallbacks(
        on_validate_input=lambda turn, text, name: told.append(("input", turn.client_id, text, name)),
        on_ban_client=lambda turn, name: told.append(("ban", turn.client_id, name)),
    )
    await stage(refusing("p", auto_ban=True, callbacks=callbacks)).say("hi")
    assert told == [("input", "alice", "hi", "p"), ("ban", "alice", "p")]
