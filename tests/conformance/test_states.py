"""States of a session: updates in order, middlewares, defaults, and failures that harm only their caller."""

import asyncio
from typing import Any

from pydantic import JsonValue

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, agent, swarm
from tests.conformance.model import call
from worker import State, Swarm, Tool, Turn, tool
from worker.clock import sleep


def with_tool(look: Tool, **options: Any) -> Swarm:
    """Return a swarm whose agent calls one tool for each message and answers with what it returned."""

    def answer(request: Any) -> Any:
        newest = request.messages[-1]
        return newest.content if newest.role == "tool" else call(look.name)

    states = options.pop("agent_states", None)
    return swarm(agent("a", answer, tools=[look], states=states, max_tool_calls=1), **options)


def _plus_one(value: JsonValue) -> JsonValue:
    return (value if isinstance(value, int) else 0) + 1


async def test_updates_that_nobody_waits_for_are_applied_in_order(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        state = turn.state("word")
        updates = [asyncio.ensure_future(state.set(lambda old, n=n: f"{old or ''}{n}")) for n in (1, 2, 3)]
        await sleep(0)
        value = str(await state.get())
        await asyncio.gather(*updates)
        return value

    assert await (await serve(with_tool(look))).answer("go") == "123"


async def test_a_thousand_updates_with_pauses_of_all_lengths_keep_their_order(serve: Serve) -> None:
    order: list[int] = []

    @tool
    async def look(turn: Turn) -> int:
        def update(n: int) -> Any:
            async def apply(old: JsonValue) -> JsonValue:
                await sleep(n * 37 % 10 / 1_000_000)
                order.append(n)
                return _plus_one(old)

            return apply

        await asyncio.gather(*(turn.state("counter").set(update(n)) for n in range(1000)))
        return int(str(await turn.state("counter").get()))

    assert await (await serve(with_tool(look))).answer("go") == "1000"
    assert order == list(range(1000))


async def test_ten_increments_at_once_make_ten(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        await asyncio.gather(*(turn.state("counter").set(_plus_one) for _ in range(10)))
        return str(await turn.state("counter").get())

    assert await (await serve(with_tool(look))).answer("go") == "10"


async def test_middlewares_run_after_the_update_in_order(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        return str(await turn.state("word").set(lambda old: f"{old}+update"))

    state = State("word", default="start", middlewares=[lambda value: f"{value}+one", lambda value: f"{value}+two"])
    assert await (await serve(with_tool(look, states=[state]))).answer("go") == "start+update+one+two"


async def test_clearing_goes_back_to_the_default_past_the_middlewares(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        await turn.state("word").set(lambda _old: "changed")
        return str(await turn.state("word").clear())

    state = State("word", default="start", middlewares=[lambda value: f"{value}!"])
    client = await serve(with_tool(look, states=[state]))
    assert [await client.answer("go") for _ in range(2)] == ["start", "start"]


async def test_two_clients_have_separate_values(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        return str(await turn.state("counter").set(_plus_one))

    client = await serve(with_tool(look))
    assert [await client.answer("go") for _ in range(2)] == ["1", "2"]
    assert await client.named("bob").answer("go") == "1"


async def test_a_state_that_the_agent_does_not_list_can_not_be_set(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        return str(await turn.state("secret").set(_plus_one))

    reply = await (await serve(with_tool(look, agent_states=["open"]))).ask("go")
    assert (reply["status"], reply["output"]) == ("failed", SORRY)


async def test_a_read_waits_for_the_write_under_way(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        door = asyncio.Event()

        async def slow(_old: JsonValue) -> JsonValue:
            await door.wait()
            return "written"

        writing = asyncio.ensure_future(turn.state("word").set(slow))
        await sleep(0)
        reading = asyncio.ensure_future(turn.state("word").get())
        await sleep(0)
        was_done = reading.done()
        door.set()
        await writing
        return f"{was_done} {await reading}"

    assert await (await serve(with_tool(look))).answer("go") == "False written"


async def test_a_read_inside_a_write_sees_the_old_value_and_does_not_block(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        async def update(_old: JsonValue) -> JsonValue:
            return f"new after {await turn.state('word').get()}"

        return str(await turn.state("word").set(update))

    client = await serve(with_tool(look, states=[State("word", default="old")]))
    assert await client.answer("go") == "new after old"


async def test_a_failing_update_raises_to_its_caller_and_does_not_cancel_the_queued_one(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        def fail(_old: JsonValue) -> JsonValue:
            raise ValueError("no")

        results = await asyncio.gather(
            turn.state("counter").set(fail), turn.state("counter").set(_plus_one), return_exceptions=True
        )
        return f"{type(results[0]).__name__} {results[1]} {await turn.state('counter').get()}"

    assert await (await serve(with_tool(look))).answer("go") == "ValueError 1 1"


async def test_session_memory_is_merged_and_kept_between_turns(serve: Serve) -> None:
    @tool
    async def look(turn: Turn) -> str:
        known = turn.memory()
        turn.remember({"a": 1} if not known else {"b": 2})
        return str(turn.memory())

    client = await serve(with_tool(look))
    assert [await client.answer("go") for _ in range(2)] == ["{'a': 1}", "{'a': 1, 'b': 2}"]
    await client.do("dispose")
    assert await client.answer("go") == "{'a': 1}"
