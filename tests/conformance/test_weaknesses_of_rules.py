"""W17 to W24 of the origin, shown to be impossible here: navigation, tools, checks, states and stored data."""

import asyncio
from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, agent, swarm
from tests.conformance.model import Model, call, echo, recall
from worker import Policy, State, SwarmCallbacks, ToolCallbacks, Turn, tool


async def test_w17_all_ways_of_navigation_share_one_guard(serve: Serve) -> None:
    refused: list[str] = []

    async def tried(name: str, going: Any) -> None:
        try:
            await going
        except Exception as error:  # noqa: BLE001 - whatever it is, it is noted
            refused.append(f"{name}: {error}")

    @tool
    async def wander(turn: Turn) -> str:
        await turn.change_agent("b")
        await turn.change_to_default_agent()
        await tried("prev", turn.change_to_prev_agent())
        await tried("to", turn.change_agent("b"))
        await tried("default", turn.change_to_default_agent())
        return "tired"

    client = await serve(swarm(agent("a", call("wander"), "a here", tools=[wander]), agent("b", "b here")))
    assert await client.answer("go") == "a here"
    assert [line.split(":")[0] for line in refused] == ["prev", "to", "default"]
    assert all("already went to agent" in line for line in refused)


async def test_w17_going_back_decides_before_it_takes_anything_off_the_stack(serve: Serve) -> None:
    client = await serve(swarm(agent("a"), agent("b"), agent("c")))
    assert (await client.do("change-to-prev-agent"))["output"] == "false"
    for name in ("b", "c"):
        await client.do("change-agent", agentName=name)
    outputs = [(await client.do("change-to-prev-agent"))["output"] for _ in range(3)]
    assert outputs == ["true", "true", "false"]
    assert (await client.ask("who?"))["agentName"] == "a"
    await client.do("change-agent", agentName="b")
    assert (await client.do("change-to-prev-agent"))["output"] == "true"


async def test_w17_navigation_of_one_session_keeps_its_order(serve: Serve) -> None:
    client = await serve(swarm(agent("a"), agent("b"), agent("c")), workers=2)
    steps: list[tuple[str, dict[str, str]]] = [
        ("change-agent", {"agentName": "b"}),
        ("change-to-default-agent", {}),
        ("change-agent", {"agentName": "c"}),
        ("change-to-prev-agent", {}),
    ]
    ids = [await client.push(kind, **body) for _ in range(5) for kind, body in steps]
    replies = [await client.reply_of(request_id) for request_id in ids]
    assert {reply["output"] for reply in replies} == {"true"}
    assert [reply["agentName"] for reply in replies] == ["b", "a", "c", "a"] * 5


async def test_w18_on_before_call_is_not_told_of_calls_that_never_run(serve: Serve) -> None:
    told: list[str] = []

    async def look() -> str:
        return "found"

    watched = tool(name="look", callbacks=ToolCallbacks(on_before_call=lambda _turn, one: told.append(one.name)))(look)
    client = await serve(swarm(agent("a", [call("look"), call("nothing")], tools=[watched], max_tool_calls=2)))
    assert await client.answer("go") == SORRY
    assert told == []


async def test_w18_only_the_end_of_the_running_call_releases_the_next(serve: Serve) -> None:
    notes: list[str] = []

    @tool
    async def first(turn: Turn) -> str:
        await turn.commit_tool_output("of-another-call", "not mine")
        await asyncio.to_thread(int)
        notes.append("first ends")
        return "mine"

    @tool
    async def second() -> str:
        notes.append("second begins")
        return "done"

    calls = [call("first"), call("second")]
    client = await serve(swarm(agent("a", calls, "answer", tools=[first, second], max_tool_calls=2)))
    assert await client.answer("go") == "answer"
    assert notes == ["first ends", "second begins"]


@pytest.mark.parametrize(
    "text",
    [
        '{"total": 3, "items": []}',
        "Use f'{x}' here.",
        "a < b and c > d",
        '```json\n{"name": "Ann", "age": 7}\n```',
        "}{",
    ],
)
async def test_w19_an_answer_with_braces_or_code_is_an_answer(text: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", text)))
    assert await client.answer("hi") == text


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "look", "arguments": {"n": 1}}',
        'Sure:\n```json\n{"tool": "look", "parameters": {}}\n```',
        "<tool_call>look</tool_call>",
        '<tool_call>{"name": "look"}',
        '{"tool_calls": []}',
    ],
)
async def test_w19_a_tool_call_written_as_text_is_none(text: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", text)))
    assert await client.answer("hi") == SORRY


async def test_w20_clearing_a_stored_state_goes_back_to_the_default(serve: Serve) -> None:
    @tool
    async def change(turn: Turn) -> str:
        return str(await turn.state("word").set(lambda _old: "stored"))

    @tool
    async def clear(turn: Turn) -> str:
        await turn.state("word").clear()
        return str(await turn.state("word").get())

    def use(request: Any) -> Any:
        newest = request.messages[-1]
        return newest.content if newest.role == "tool" else call(newest.content)

    client = await serve(swarm(agent("a", use, tools=[change, clear]), states=[State("word", default="default")]))
    assert [await client.answer(name) for name in ("change", "clear")] == ["stored", "default"]


async def test_w21_a_message_writes_no_record_of_who_is_online(serve: Serve) -> None:
    client = await serve(swarm(agent("a")))
    await client.ask("one")
    after_one = await client.wire.keys_of("alice")
    await client.ask("two")
    assert await client.wire.keys_of("alice") == after_one
    assert [key.rpartition("}:")[2].partition(":")[0] for key in after_one] == ["history", "outbox", "session"]


async def test_w22_a_session_that_can_not_be_read_is_kept_and_harms_no_other(serve: Serve) -> None:
    client = await serve(swarm(agent("a", recall)), workers=2)
    await client.do("commit-user-message", message="precious")
    bob = client.named("bob")
    await bob.ask("hi")
    key = client.wire.name("session:support:alice")
    # Another holder must read it, so the one that remembers it has to be forgotten.
    await client.wire.redis.hset(key, mapping={"document": "rubbish", "holder": "nobody"})
    reply = await client.ask("hi")
    assert (reply["status"], reply["error"]["code"]) == ("failed", "agent_error")
    assert await client.wire.redis.hget(key, "document") == b"rubbish"
    assert await client.wire.redis.llen(client.wire.name("history:support:alice")) == 1
    assert (await bob.ask("again"))["status"] == "completed"


async def test_w23_an_error_after_the_output_was_committed_hangs_nobody(serve: Serve) -> None:
    @tool
    async def late(turn: Turn) -> None:
        await turn.commit_tool_output(turn.tool_call_id, "done")
        await turn.execute("and now?")
        raise RuntimeError

    client = await serve(swarm(agent("a", call("late"), "inner", "fine", tools=[late])))
    reply = await client.ask("go")
    assert (reply["status"], reply["output"]) == ("failed", SORRY)
    assert await client.answer("next") == "fine"


@pytest.mark.parametrize("name", ["../bob", "..", "a/b", "a:b:c", "support:alice", "..%2fbob", "клиент-7"])
async def test_w23_a_client_id_is_never_a_path_to_somebody_else(name: str, serve: Serve) -> None:
    client = await serve(swarm(agent("a", recall)))
    await client.named("bob").ask("private")
    odd = client.named(name)
    assert await odd.answer("hi") == "user: hi"
    await odd.do("dispose")
    assert (await client.named("bob").answer("and?")).startswith("user: private")


async def test_w23_what_a_slow_tool_says_after_its_time_does_not_answer_the_next_message(serve: Serve) -> None:
    door = asyncio.Event()
    late: list[object] = []

    @tool(timeout_s=0.05)
    async def slow(turn: Turn) -> str:
        try:
            await door.wait()
        finally:
            late.append(asyncio.ensure_future(_say_late(turn)))
        return "never"

    async def _say_late(turn: Turn) -> None:
        await asyncio.to_thread(int)
        await turn.commit_assistant_message("stale")

    client = await serve(swarm(agent("a", call("slow"), echo, tools=[slow])))
    assert (await client.ask("go"))["status"] == "failed"
    assert await client.answer("next") == "next"
    assert len(late) == 1


@pytest.mark.parametrize("limit", ["keep_messages", "max_tool_calls"])
async def test_w23_a_limit_of_zero_means_none_and_not_all(limit: str, serve: Serve) -> None:
    ran: list[str] = []

    @tool
    async def look() -> str:
        ran.append("look")
        return "found"

    model = Model(call("look") if limit == "max_tool_calls" else "fine")
    client = await serve(swarm(agent("a", completion=model, tools=[look], **{limit: 0})))
    await client.ask("one")
    await client.ask("two")
    assert ran == []
    if limit == "keep_messages":
        assert model.shown == [[], []]


def _broken(*_: Any) -> Any:
    raise RuntimeError


async def test_w24_a_throwing_swarm_callback_rejects_nothing_and_a_throwing_validator_refuses(serve: Serve) -> None:
    told = SwarmCallbacks(on_execute=_broken, on_emit=_broken)
    closed = Policy("closed", validate_input=_broken, ban_message="Not now.")
    client = await serve(
        swarm(agent("a", echo), callbacks=told),
        swarm(agent("a", echo), name="guarded", policies=[closed]),
    )
    assert await client.answer("hi") == "hi"
    assert (await client.do("emit", message="hello"))["status"] == "completed"
    for _ in range(2):
        refused = await client.in_swarm("guarded").ask("hi")
        assert (refused["status"], refused["output"]) == ("refused", "Not now.")
