"""What goes to the history without an answer, for whom, and what a server pushes to the client."""

import json
import re

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import Client, agent, swarm
from tests.conformance.model import Model, call, recall
from worker import tool

ROLES = ("system", "developer", "assistant", "user")


async def started(serve: Serve) -> tuple[Client, Model]:
    """Serve two agents with one model; `a` is active."""
    model = Model(recall)
    client = await serve(swarm(agent("a", completion=model), agent("b", completion=model), bus="all"))
    return client, model


async def test_an_execute_for_an_inactive_agent_is_skipped_until_that_agent_is_active(serve: Serve) -> None:
    client, model = await started(serve)
    skipped = await client.ask("hi", agentName="b")
    assert (skipped["status"], skipped["output"], skipped["skipped"]) == ("completed", "", True)
    assert model.requests == []
    await client.do("change-agent", agentName="b")
    assert await client.answer("hi", agentName="b") == "user: hi"


@pytest.mark.parametrize("role", ROLES)
async def test_a_message_for_an_inactive_agent_is_not_recorded_and_one_without_a_name_is(
    role: str, serve: Serve
) -> None:
    client, _ = await started(serve)
    skipped = await client.do(f"commit-{role}-message", message="one", agentName="b")
    named = await client.do(f"commit-{role}-message", message="two", agentName="a")
    forced = await client.do(f"commit-{role}-message", message=" three ")
    assert skipped["skipped"] is True
    assert await client.pushed_by(named["requestId"]) == [f"{role}: two"]
    assert await client.pushed_by(forced["requestId"]) == [f"{role}: three"]


async def test_a_tool_output_for_an_inactive_agent_is_not_recorded(serve: Serve) -> None:
    client, _ = await started(serve)
    assert (await client.do("commit-tool-output", toolId="x", content="no", agentName="b"))["skipped"] is True
    done = await client.do("commit-tool-output", toolId="x", content=" yes ", agentName="a")
    assert await client.pushed_by(done["requestId"]) == ["tool:  yes "]


async def test_a_tool_request_is_an_assistant_record_whose_ids_are_returned(serve: Serve) -> None:
    client, _ = await started(serve)
    reply = await client.do("commit-tool-request", request=[{"toolName": "look", "params": {"n": 1}}] * 2)
    ids = json.loads(reply["output"])
    push = next(event for event in await client.events_of(reply["requestId"]) if event["type"] == "push")
    record = push["input"]["message"]
    assert all(re.fullmatch(r"call_[a-z0-9]{9}", id_) for id_ in ids)
    assert (record["role"], [one["id"] for one in record["tool_calls"]]) == ("assistant", ids)
    assert [one["function"] for one in record["tool_calls"]] == [{"name": "look", "arguments": {"n": 1}}] * 2
    assert len(set(ids)) == 2


async def test_a_committed_user_message_carries_its_payload(serve: Serve) -> None:
    client, _ = await started(serve)
    reply = await client.do("commit-user-message", message="paid", payload={"order": 42})
    push = next(event for event in await client.events_of(reply["requestId"]) if event["type"] == "push")
    assert push["input"]["message"]["payload"] == {"order": 42}


async def test_after_a_flush_the_model_sees_only_the_new_message(serve: Serve) -> None:
    client, model = await started(serve)
    await client.ask("one")
    await client.ask("two")
    await client.do("commit-flush")
    await client.ask("three")
    assert model.shown[2] == ["user: three"]


async def test_mixed_commits_reach_the_model_with_system_records_first(serve: Serve) -> None:
    client, _ = await started(serve)
    for role in ("user", "system", "developer", "assistant"):
        await client.do(f"commit-{role}-message", message=f"by {role}")
    await client.do("commit-user-message", message="", payload=None)
    assert await client.answer("now") == "user: by user | developer: by developer | assistant: by assistant | user: now"


async def test_system_records_are_shown_however_old_they_are_until_a_flush(serve: Serve) -> None:
    model = Model("fine")
    client = await serve(swarm(agent("a", completion=model, keep_messages=2), agent("b", completion=model)))
    await client.do("commit-system-message", message="VIP")
    for n in range(10):
        await client.ask(f"m{n}")
    assert model.shown[0] == ["system: VIP", "user: m0"]
    assert model.shown[-1] == ["system: VIP", "assistant: fine", "user: m9"]
    await client.do("commit-flush")
    await client.ask("afresh")
    assert model.shown[-1] == ["user: afresh"]


async def test_tool_calls_of_another_agent_take_no_place_in_what_a_model_sees(serve: Serve) -> None:
    @tool
    async def look() -> str:
        return "found"

    model = Model("b here")
    busy = agent("a", *([call("look"), "a here"] * 3), tools=[look], keep_messages=6)
    client = await serve(swarm(busy, agent("b", completion=model, keep_messages=6)))
    for n in range(3):
        await client.ask(f"m{n}")
    await client.do("change-agent", agentName="b")
    await client.ask("now")
    said = [line for n in range(3) for line in (f"user: m{n}", "assistant: a here")]
    assert model.shown == [[*said[1:], "user: now"]]


async def test_system_records_are_only_for_their_agent(serve: Serve) -> None:
    client, model = await started(serve)
    await client.do("commit-system-message", message="rule of a")
    await client.do("change-agent", agentName="b")
    await client.ask("hi")
    await client.do("change-agent", agentName="a")
    await client.ask("hi")
    assert model.shown[0] == ["user: hi"]
    assert model.shown[1][0] == "system: rule of a"


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_no_model_sees_takes_no_place_among_the_messages_that_are_kept(workers: int, serve: Serve) -> None:
    model = Model("fine")
    client = await serve(swarm(agent("a", completion=model, keep_messages=4)), workers=workers)
    await client.ask("one")
    await client.ask("two")
    rules = [f"rule {n}" for n in range(8)]
    for rule in rules:
        await client.do("commit-system-message", message=rule)
        await client.do("commit-user-message", message="")
    await client.ask("three")
    shown = [f"system: {rule}" for rule in rules]
    assert model.shown[-1] == [*shown, "assistant: fine", "user: two", "assistant: fine", "user: three"]
    await client.do("commit-flush")
    await client.ask("afresh")
    assert model.shown[-1] == ["user: afresh"]


@pytest.mark.parametrize("workers", [1, 2])
async def test_long_chains_of_tools_of_another_agent_push_out_nothing_either(workers: int, serve: Serve) -> None:
    @tool
    async def look() -> str:
        return "found"

    model = Model("b here")
    busy = agent("a", *([*[call("look")] * 9, "a here"] * 4), tools=[look], keep_messages=6)
    client = await serve(swarm(busy, agent("b", completion=model, keep_messages=6)), workers=workers)
    for n in range(4):
        await client.ask(f"m{n}")
    await client.do("change-agent", agentName="b")
    await client.ask("now")
    said = [line for n in (2, 3) for line in (f"user: m{n}", "assistant: a here")]
    assert model.shown == [["assistant: a here", *said, "user: now"]]
