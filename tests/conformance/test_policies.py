"""Who says no, in whose words, and for how long."""

import asyncio

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from tests.conformance.model import Model, echo
from worker import Policy, PolicyCallbacks, SessionInfo


def _no_stupid(message: str, _session: SessionInfo) -> bool:
    return "stupid" not in message


async def _no_secret(message: str, _session: SessionInfo) -> bool:
    return "secret" not in message


POLITE = Policy("polite", validate_input=_no_stupid, ban_message="Stay polite.")
DISCREET = Policy("discreet", validate_output=_no_secret, ban_message="No secrets.")


async def test_a_banned_client_reads_the_ban_message_until_it_is_unbanned(serve: Serve) -> None:
    model = Model(echo)
    client = await serve(swarm(agent("a", completion=model), policies=[POLITE]))
    assert (await client.do("ban", policyName="polite"))["status"] == "completed"
    banned = await client.ask("hi")
    assert (banned["status"], banned["output"], banned["error"]["code"]) == (
        "refused",
        "Stay polite.",
        "policy_refused",
    )
    assert model.asked == []
    assert (await client.do("unban", policyName="polite"))["status"] == "completed"
    assert await client.answer("hi") == "hi"


async def test_a_refused_output_reads_the_custom_text_and_a_good_one_passes(serve: Serve) -> None:
    policy = Policy("p", validate_output=_no_secret, get_ban_message=lambda session: f"Not for {session.client_id}.")
    client = await serve(swarm(agent("a", echo), policies=[policy]))
    refused = await client.ask("the secret")
    assert (refused["status"], refused["output"], refused["error"]["policyName"]) == ("refused", "Not for alice.", "p")
    assert await client.answer("fine") == "fine"


@pytest.mark.parametrize(("message", "who"), [("you stupid", "polite"), ("the secret", "discreet")])
async def test_of_two_policies_the_refusing_one_speaks(message: str, who: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo), policies=[POLITE, DISCREET]))
    words = {"polite": "Stay polite.", "discreet": "No secrets."}
    refused = await client.ask(message)
    assert (refused["output"], refused["error"]["policyName"]) == (words[who], who)
    assert await client.answer("good") == "good"


async def test_with_auto_ban_bad_input_is_refused_now_and_everything_from_then_on(serve: Serve) -> None:
    policy = Policy("strict", validate_input=_no_stupid, ban_message="Good-bye.", auto_ban=True)
    client = await serve(swarm(agent("a", echo), policies=[policy]))
    assert [(await client.ask(text))["output"] for text in ("stupid", "sorry", "please")] == ["Good-bye."] * 3
    assert await client.named("bob").answer("hi") == "hi"


async def test_a_refused_input_reaches_no_agent_and_no_history(serve: Serve) -> None:
    model = Model(echo)
    client = await serve(swarm(agent("a", completion=model), policies=[POLITE]))
    await client.ask("stupid")
    await client.answer("hi")
    assert model.shown == [["user: hi"]]


async def test_two_bans_of_different_clients_at_once_both_count(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo), policies=[POLITE]), workers=2)
    names = [f"client-{n}" for n in range(20)]
    await asyncio.gather(*(client.named(name).do("ban", policyName="polite") for name in names))
    replies = await asyncio.gather(*(client.named(name).ask("hi") for name in names))
    assert {reply["status"] for reply in replies} == {"refused"}


async def test_a_ban_holds_in_one_swarm_only(serve: Serve) -> None:
    one = swarm(agent("a", echo), policies=[POLITE])
    other = swarm(agent("a", echo), policies=[POLITE], name="other")
    client = await serve(one, other)
    await client.do("ban", policyName="polite")
    assert (await client.ask("hi"))["status"] == "refused"
    assert await client.in_swarm("other").answer("hi") == "hi"


async def test_policy_callbacks_tell_checks_bans_and_their_end(serve: Serve) -> None:
    told: list[str] = []
    callbacks = PolicyCallbacks(
        on_validate_input=lambda turn, text, name: told.append(f"input {text} {name} {turn.client_id}"),
        on_validate_output=lambda _turn, text, name: told.append(f"output {text} {name}"),
        on_ban_client=lambda turn, name: told.append(f"ban {name} {turn.client_id}"),
        on_unban_client=lambda turn, name: told.append(f"unban {name} {turn.client_id}"),
    )
    client = await serve(swarm(agent("a", "answer"), policies=[Policy("p", callbacks=callbacks)]))
    await client.ask("hi")
    for kind in ("ban", "ban", "unban", "unban"):
        await client.do(kind, policyName="p")
    assert told == ["input hi p alice", "output answer p", "ban p alice", "unban p alice"]


async def test_a_policy_of_two_validators_asks_nobody_for_a_banned_client(serve: Serve) -> None:
    asked: list[str] = []

    def validate(message: str, _session: SessionInfo) -> bool:
        asked.append(message)
        return True

    client = await serve(swarm(agent("a", echo), policies=[Policy("p", validate_input=validate)]))
    await client.do("ban", policyName="p")
    assert (await client.ask("hi"))["status"] == "refused"
    assert asked == []


async def test_run_and_commits_ask_no_policy(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo), policies=[POLITE, DISCREET]))
    assert (await client.do("run", message="stupid secret"))["output"] == "stupid secret"
    assert (await client.do("commit-user-message", message="stupid"))["status"] == "completed"


@pytest.mark.parametrize("kind", ["emit", "notify"])
async def test_what_a_server_pushes_passes_the_output_policies(kind: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo), policies=[POLITE, DISCREET]))
    await client.ask("hi")
    refused = await client.do(kind, message="the secret")
    passed = await client.do(kind, message="stupid but no")
    texts = [item["data"] for item in await client.wire.outbox("alice", "support") if item["type"] == kind]
    assert (refused["status"], passed["status"], texts) == ("refused", "completed", ["No secrets.", "stupid but no"])


async def test_nobody_is_banned_for_a_validator_that_raises(serve: Serve) -> None:
    broken = [True]

    async def validate(_text: str, _session: object) -> bool:
        if broken:
            raise OSError
        return True

    policy = Policy("strict", validate_input=validate, ban_message="Good-bye.", auto_ban=True)
    client = await serve(swarm(agent("a", echo), policies=[policy]))
    assert (await client.ask("hi"))["output"] == "Good-bye."
    broken.clear()
    assert await client.answer("hi") == "hi"
