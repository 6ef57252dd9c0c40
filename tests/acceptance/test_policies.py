"""A policy refuses what comes in or goes out; the client reads the ban message, the bus reads who refused."""

from tests.acceptance.app import NO_SECRETS, STAY_POLITE
from tests.acceptance.wire import Item, Wire


def _error(policy_name: str, reply: Item) -> Item:
    return {"code": "policy_refused", "message": reply["error"]["message"], "policyName": policy_name}


async def test_a_refused_input_is_answered_with_the_ban_message(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "guarded", "you stupid machine")
    assert (reply["status"], reply["output"], reply["turn"]) == ("refused", STAY_POLITE, 1)
    assert reply["error"] == _error("polite", reply)
    assert await wire.outbox(alice, "guarded") == [reply]


async def test_a_refused_input_never_reaches_the_agent(wire: Wire, alice: str) -> None:
    await wire.ask(alice, "guarded", "you stupid machine")
    assert (await wire.ask(alice, "guarded", "recall"))["output"] == "system: You are helper.\nuser: recall"


async def test_a_refused_output_is_replaced_by_the_ban_message(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.client_channel(alice, "guarded")) as listener:
        reply = await wire.ask(alice, "guarded", "the secret is 42")
        assert await listener.next() == reply
    assert (reply["status"], reply["output"]) == ("refused", NO_SECRETS)
    assert reply["error"] == _error("discreet", reply)


async def test_the_bus_is_told_who_refused_an_input(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "guarded", "you stupid machine")
    begin, refusal, end = await wire.events_of(reply["requestId"])
    assert begin["type"] == "commit-execution-begin"
    assert (refusal["type"], refusal["source"]) == ("validate-input", "policy-bus")
    assert refusal["input"] == {"incoming": "you stupid machine"}
    assert refusal["context"] == {"policyName": "polite", "swarmName": "guarded"}
    assert (end["type"], end["output"]) == ("commit-execution-end", {"status": "refused"})


async def test_the_bus_is_told_who_refused_an_output(wire: Wire, alice: str) -> None:
    reply = await wire.ask(alice, "guarded", "the secret is 42")
    _, refusal, end = await wire.events_of(reply["requestId"])
    assert (refusal["type"], refusal["source"]) == ("validate-output", "policy-bus")
    assert refusal["input"] == {"outgoing": "helper: the secret is 42"}
    assert refusal["context"] == {"policyName": "discreet", "swarmName": "guarded"}
    assert end["output"] == {"status": "refused"}


async def test_an_emit_is_checked_like_an_answer(wire: Wire, alice: str) -> None:
    request_id = await wire.say(alice, "guarded", "tell secret")
    await wire.reply_of(request_id)
    emit, reply = await wire.outbox(alice, "guarded")
    assert (emit["type"], emit["data"]) == ("emit", NO_SECRETS)
    assert reply["status"] == "refused"


async def test_a_policy_with_auto_ban_bans_at_the_first_refusal(wire: Wire, alice: str) -> None:
    first = await wire.ask(alice, "guarded", "I will hurt you")
    second = await wire.ask(alice, "guarded", "Hello")
    for reply in (first, second):
        assert (reply["status"], reply["output"], reply["error"]["policyName"]) == ("refused", "Good-bye.", "safe")
    kinds = [event["type"] for event in await wire.events_of(first["requestId"])]
    assert kinds == ["commit-execution-begin", "validate-input", "ban-client", "commit-execution-end"]
    assert (await wire.do(alice, "guarded", "unban", {"policyName": "safe"}))["status"] == "completed"
    assert (await wire.ask(alice, "guarded", "Hello"))["status"] == "completed"


async def test_a_banned_client_is_refused_until_it_is_unbanned(wire: Wire, alice: str) -> None:
    ban = await wire.do(alice, "guarded", "ban", {"policyName": "polite"})
    assert (ban["status"], ban["output"]) == ("completed", "")
    refused = await wire.ask(alice, "guarded", "Hello")
    assert (refused["status"], refused["output"]) == ("refused", STAY_POLITE)
    assert refused["error"] == _error("polite", refused)
    unban = await wire.do(alice, "guarded", "unban", {"policyName": "polite"})
    assert (await wire.ask(alice, "guarded", "Hello"))["status"] == "completed"
    for request, kind in ((ban, "ban-client"), (unban, "unban-client")):
        (event,) = await wire.events_of(request["requestId"])
        assert (event["type"], event["source"]) == (kind, "policy-bus")
        assert event["context"] == {"policyName": "polite", "swarmName": "guarded"}


async def test_a_ban_outlives_the_session_and_needs_none(wire: Wire, alice: str) -> None:
    await wire.do(alice, "guarded", "ban", {"policyName": "polite"})
    assert (await wire.ask(alice, "guarded", "Hello"))["status"] == "refused"
    await wire.do(alice, "guarded", "dispose")
    assert (await wire.ask(alice, "guarded", "Hello"))["status"] == "refused"


async def test_a_ban_counts_in_its_swarm_alone(wire: Wire, alice: str) -> None:
    await wire.do(alice, "guarded", "ban", {"policyName": "polite"})
    assert (await wire.ask(alice, "observed", "Hello"))["status"] == "completed"


async def test_a_ban_by_a_policy_that_the_swarm_has_not_got_is_a_bad_request(wire: Wire, alice: str) -> None:
    reply = await wire.do(alice, "guarded", "ban", {"policyName": "nobody"})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "bad_request")
    assert (await wire.dead_letter(reply["requestId"]))["reason"] == "bad_request"
    assert (await wire.ask(alice, "guarded", "Hello"))["status"] == "completed"
