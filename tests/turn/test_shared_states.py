"""States that sessions share: changed at once, each change exactly once, kept when sessions end (spec, section 9)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, events_of, started, swarm_of
from worker import AgentCallbacks, App, DefinitionError, State, StateCallbacks, Swarm, ToolCall, Turn, tool
from worker.completions import EchoCompletion, RuleCompletion
from worker.core.session import Session
from worker.turn.corridor import open_turn, take_turn

Body = Callable[[Turn], Awaitable[Any]]
STOCK = State("stock", default=10, shared=True)


def less(old: Any) -> Any:
    return old - 1


def stage_of(body: Body, *states: State, client_id: str = "alice", **options: Any) -> Stage:
    @tool
    async def act(turn: Turn) -> str:
        return json.dumps(await body(turn))

    model = RuleCompletion([("act", ToolCall("", "act"))])
    swarm = swarm_of(agent("a", model, tools=[act]), states=states or [STOCK], bus="all", **options)
    return Stage(swarm, client_id)


async def made_by(stage: Stage) -> Any:
    reply = await stage.say("act")
    assert reply.status == "completed", reply
    return json.loads(reply.output)


async def test_it_starts_at_its_default_and_all_sessions_see_what_one_makes() -> None:
    async def body(turn: Turn) -> Any:
        state = turn.state("stock")
        return await state.get(), await state.set(less), await state.get()

    alice, bob = stage_of(body), stage_of(body, client_id="bob")
    bob.port, bob.requests = alice.port, 100
    assert await made_by(alice) == [10, 9, 9]
    assert await made_by(bob) == [9, 8, 8]
    assert alice.session.states == {}, "it is no part of the session"


async def test_clear_goes_back_to_the_default_past_the_middlewares() -> None:
    async def body(turn: Turn) -> Any:
        return await turn.state("s").set(lambda _: "x"), await turn.state("s").clear()

    state = State("s", default="d", shared=True, middlewares=[lambda value: f"{value}1", lambda value: f"{value}2"])
    assert await made_by(stage_of(body, state)) == ["x12", "d"]


async def test_an_update_that_was_too_slow_is_computed_again_from_the_newer_value() -> None:
    seen: list[Any] = []

    async def body(turn: Turn) -> Any:
        async def slow(old: Any) -> Any:
            seen.append(old)
            if len(seen) == 1:
                stage.port.shared_states["stock"] = (7, "5")  # somebody else was faster
            return old - 1

        return await turn.state("stock").set(slow)

    stage = stage_of(body)
    assert await made_by(stage) == 4
    assert seen == [10, 5]
    assert stage.port.shared_states["stock"] == (8, "4")


async def test_none_of_many_updates_at_once_is_lost() -> None:
    async def body(turn: Turn) -> Any:
        async def slow(old: Any) -> Any:
            await asyncio.sleep(0)  # noqa: TID251 - lets others be faster
            return old - 1

        await asyncio.gather(*(turn.state("stock").set(slow) for _ in range(5)))
        return None

    stages = [stage_of(body, client_id=f"client-{n}") for n in range(20)]
    for stage in stages:
        stage.port = stages[0].port
        stage.requests = 1000 * stages.index(stage)
    await asyncio.gather(*(stage.say("act") for stage in stages))
    assert stages[0].port.shared_states["stock"] == (100, "-90")


async def test_updates_of_one_turn_apply_in_the_order_in_which_they_were_asked_for() -> None:
    async def body(turn: Turn) -> Any:
        def adding(n: int) -> Callable[[Any], Awaitable[Any]]:
            async def add(old: Any) -> Any:
                await asyncio.sleep(0 if n % 3 else 0.0001)  # noqa: TID251 - lets others try to overtake
                return [*(old or []), n]

            return add

        await asyncio.gather(*(turn.state("list").set(adding(n)) for n in range(20)))
        return await turn.state("list").get()

    assert await made_by(stage_of(body, State("list", shared=True))) == list(range(20))


async def test_reading_inside_an_update_does_not_hang() -> None:
    async def body(turn: Turn) -> Any:
        async def update(old: Any) -> Any:
            return [old, await turn.state("stock").get()]

        return await turn.state("stock").set(update)

    assert await made_by(stage_of(body)) == [10, 10]


async def test_a_value_that_is_no_json_changes_nothing() -> None:
    async def body(turn: Turn) -> Any:
        with pytest.raises(TypeError):
            await turn.state("stock").set(lambda _: object())  # type: ignore[arg-type, return-value]
        return await turn.state("stock").get()

    assert await made_by(stage_of(body)) == 10


async def test_a_turn_that_is_run_again_changes_it_once() -> None:
    reached, called = asyncio.Event(), []
    hang = [True]

    async def body(turn: Turn) -> Any:
        def counted(old: Any) -> Any:
            called.append(old)
            return old - 1

        first = await turn.state("stock").set(counted)
        second = await turn.state("stock").set(counted)
        if hang.pop() if hang else False:
            reached.set()
            await asyncio.Event().wait()
        return [first, second, await turn.state("stock").set(counted)]

    stage = stage_of(body)
    port, request = stage.port, stage.request("execute", message="act")
    first = open_turn(port, stage.swarm, stage.session, request, 1)
    task = await started(first, reached)
    task.cancel()
    await asyncio.wait([task])
    port.shared_states["stock"] = (9, "3")  # others went on meanwhile
    again = open_turn(
        port, stage.swarm, Session(client_id="alice", swarm_name="support", default_agent="a"), request, 2
    )
    again.replay = dict(port.journal)
    finished = await take_turn(again)
    assert json.loads(json.loads(finished.reply)["output"]) == [9, 8, 2]
    assert called == [10, 9, 3]


async def test_what_was_finished_is_on_record_before_a_change_is_made() -> None:
    """Or a model that is asked again might take another way, and the change would be made on both."""
    on_record: list[str] = []

    async def told(turn: Turn, _: str) -> None:
        await turn.state("stock").set(less)
        on_record.extend(stage.port.journal)

    on = agent("a", EchoCompletion(), callbacks=AgentCallbacks(on_output=told))
    stage = Stage(swarm_of(on, states=[STOCK]))
    await stage.say("hi")
    assert on_record == ["step/1"]


async def test_callbacks_are_told_and_events_are_published() -> None:
    told: list[Any] = []

    def note(what: str) -> Callable[..., None]:
        return lambda _turn, *given: told.append((what, *given))

    callbacks = StateCallbacks(
        on_init=note("init"),
        on_load=note("load"),
        on_read=note("read"),
        on_write=note("write"),
        on_dispose=note("dispose"),
    )

    async def body(turn: Turn) -> Any:
        for name in ("stock", "own"):
            await turn.state(name).set(lambda old: (old or 0) + 1)  # type: ignore[operator]
            await turn.state(name).get()
        return None

    shared, own = State("stock", shared=True, callbacks=callbacks), State("own", callbacks=callbacks)
    stage = stage_of(body, shared, own)
    finished = await stage.send("execute", message="act")
    await stage.send("dispose")
    assert told == [
        ("init", "own"),
        ("load", "stock", None),
        ("write", "stock", 1),
        ("read", "stock", 1),
        ("load", "own", None),
        ("write", "own", 1),
        ("read", "own", 1),
        ("dispose", "own"),
    ]
    changed = [event for event in events_of(finished, "set-state") if event["context"] == {"stateName": "stock"}]
    assert [event["output"] for event in changed] == [{"state": 1}]


async def test_a_rollback_takes_back_nothing_that_others_see() -> None:
    reached = asyncio.Event()

    async def body(turn: Turn) -> Any:
        await turn.state("stock").set(less)
        reached.set()
        await asyncio.Event().wait()

    stage = stage_of(body)
    turn = stage.open("execute", message="act")
    task = await started(turn, reached)
    turn.cancelled_by = "rollback"
    task.cancel()
    await asyncio.wait([task])
    assert stage.port.shared_states["stock"] == (1, "9")


def test_one_name_has_one_default_in_all_swarms() -> None:
    def swarm(name: str, default: int) -> Swarm:
        on = agent("a", EchoCompletion())
        return Swarm(name, agents=[on], default_agent="a", states=[State("stock", default=default, shared=True)])

    App([swarm("one", 1), swarm("two", 1)])
    with pytest.raises(DefinitionError, match="'stock' has different defaults in swarms 'one' and 'two'"):
        App([swarm("one", 1), swarm("two", 2)])


def test_a_state_needs_a_name_that_a_key_can_have() -> None:
    with pytest.raises(DefinitionError, match="state 'a b'"):
        App([swarm_of(agent("a", EchoCompletion()), states=[State("a b")])])


async def test_an_undeclared_state_needs_such_a_name_too() -> None:
    async def body(turn: Turn) -> Any:
        try:
            turn.state('a"b')
        except Exception as error:  # noqa: BLE001 - it is looked at
            return type(error).__name__

    assert await made_by(stage_of(body)) == "UnknownStateError"
