"""W1 to W8 of the origin, shown to be impossible here: locks, time-outs, leaks, orphans and timers."""

import asyncio
from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, Client, agent, expire, swarm, sweep
from tests.conformance.model import Model, call, echo
from tests.conformance.test_control import Door
from tests.helpers.eventually import eventually
from worker import Policy, SwarmCallbacks, ToolCallbacks, Turn, tool


async def never(*_: Any) -> Any:
    await asyncio.Event().wait()


async def test_w1_messages_that_wait_are_not_polled_for(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model)))
    hung = await client.say("hang")
    await door.reached.wait()
    waiting = [await client.say(f"m{n}", mode="tool" if n % 2 else "user") for n in range(50)]
    door.opened.set()
    for n, request_id in enumerate([hung, *waiting]):
        assert (await client.reply_of(request_id))["output"] == ("late" if n == 0 else f"answer to m{n - 1}")
    claims = await client.wire.redis.hget(client.wire.name("session:support:alice"), "fence")
    assert int(claims.partition(b"-")[0]) < 10


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"agent": {"completion_timeout_s": 0.05}}, "agent_error"),
        ({"agent": {"tool_timeout_s": 0.05}}, "agent_error"),
        ({"swarm": {"turn_timeout_s": 0.05}}, "turn_timeout"),
    ],
    ids=["completion", "tool", "turn"],
)
async def test_w2_every_wait_has_a_limit_and_the_next_message_is_answered(
    options: dict[str, Any], code: str, serve: Serve
) -> None:
    stuck = tool(name="stuck")(never)
    first = call("stuck") if "tool_timeout_s" in options.get("agent", {}) else never
    one = agent("a", first, "fine", tools=[stuck], **options.get("agent", {}))
    client = await serve(swarm(one, **options.get("swarm", {})))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, code)
    assert await client.answer("next") == "fine"


async def test_w3_a_message_that_waits_while_the_agent_changes_is_answered_by_the_new_one(serve: Serve) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model), agent("b", "b here")))
    hung = await client.say("hang")
    await door.reached.wait()
    await client.push("change-agent", agentName="b")
    waiting = await client.say("who?")
    door.opened.set()
    assert (await client.reply_of(hung))["agentName"] == "a"
    assert (await client.reply_of(waiting))["output"] == "b here"


def _broken(*_: Any) -> Any:
    raise RuntimeError


async def test_w4_a_throwing_policy_or_callback_leaks_no_session(serve: Serve) -> None:
    faulty = Policy("faulty", validate_input=_broken, ban_message="No.")
    client = await serve(swarm(agent("a", echo), policies=[faulty], callbacks=SwarmCallbacks(on_init=_broken)))
    replies = [await client.do("complete", message="hi") for _ in range(3)]
    assert [(reply["status"], reply["output"]) for reply in replies] == [("refused", "No.")] * 3
    assert await client.wire.keys_of("alice") == []


async def test_w5_one_shot_calls_in_quick_succession_are_all_answered(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)), workers=2)

    async def three_in_a_row(n: int) -> list[str]:
        return [(await client.do("complete", message=f"{n}-{m}"))["output"] for m in range(3)]

    answers = await asyncio.gather(*(three_in_a_row(n) for n in range(10)))
    assert answers == [[f"{n}-{m}" for m in range(3)] for n in range(10)]
    assert await client.wire.keys_of("alice") == []


@pytest.mark.parametrize(
    ("kind", "body"), [("cancel-output", {}), ("emit", {"message": "hello"}), ("notify", {"message": "hello"})]
)
async def test_w5_control_during_a_one_shot_opens_no_session_and_its_end_is_told(
    kind: str, body: dict[str, str], serve: Serve
) -> None:
    door, told = Door(), list[str]()
    callbacks = SwarmCallbacks(
        on_init=lambda _turn: told.append("init"), on_dispose=lambda _turn: told.append("dispose")
    )
    client = await serve(swarm(agent("a", door.model), callbacks=callbacks))
    shot = await client.push("complete", message="hang")
    await door.reached.wait()
    assert (await client.do(kind, **body))["status"] == "completed"
    door.opened.set()
    output = {"cancel-output": "", "emit": "hello", "notify": "late"}[kind]
    assert (await client.reply_of(shot))["output"] == output
    await eventually(lambda: _is_gone(client))
    assert told == ["init", "dispose"]


async def test_w6_nothing_that_waited_behind_a_forced_disposal_runs_as_an_orphan(serve: Serve) -> None:
    door = Door()
    model = Model(door.model)
    client = await serve(swarm(agent("a", completion=model)))
    ids = [await client.say("hang")]
    await door.reached.wait()
    ids += [await client.say(f"m{n}") for n in range(3)]
    await client.do("dispose", fields={"force": 1})
    assert [(await client.reply_of(request_id))["status"] for request_id in ids] == ["cancelled"] * 4
    assert model.asked == ["hang"]
    assert await client.wire.keys_of("alice") == []
    assert (await client.ask("later"))["turn"] == 1


async def test_w7_an_execute_after_a_change_of_agent_gets_its_own_answer(serve: Serve) -> None:
    told: list[str] = []

    async def leave(turn: Turn) -> None:
        await turn.change_agent("b")
        told.append(f"nested: {await turn.execute('within')}")

    callbacks = ToolCallbacks(
        on_after_call=lambda turn, _call, _result: told.append(f"after call of {turn.request_id}")
    )
    moving = tool(name="leave", callbacks=callbacks)(leave)
    client = await serve(swarm(agent("a", call("leave"), tools=[moving]), agent("b", echo)))
    first = await client.say("go")
    second = await client.say("next")
    assert (await client.reply_of(first))["output"] == "within"
    assert (await client.reply_of(second))["output"] == "next"
    assert told == ["nested: within", f"after call of {first}"]


async def test_w8_a_turn_under_way_is_never_disposed_by_its_ttl(serve: Serve, redis_url: str) -> None:
    door = Door()
    client = await serve(swarm(agent("a", door.model)))
    hung = await client.say("hang")
    await door.reached.wait()
    assert await client.wire.redis.zscore(client.wire.name("sessions"), "support:alice") is None
    assert await sweep(client, redis_url) == 0
    door.opened.set()
    assert (await client.reply_of(hung))["output"] == "late"


async def test_w8_traffic_gives_a_session_its_whole_ttl_again(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)))
    ends: list[float] = []
    for text in ("one", "two"):
        await client.ask(text)
        ends.append(await _end_of(client))
    assert ends[1] > ends[0]


async def test_w8_a_new_session_does_not_inherit_the_timer_of_an_old_one(serve: Serve, redis_url: str) -> None:
    client = await serve(swarm(agent("a", echo)))
    await client.ask("hi")
    old = await _end_of(client)
    await client.do("dispose")
    assert await client.wire.redis.zscore(client.wire.name("sessions"), "support:alice") is None
    await client.ask("hi")
    assert await _end_of(client) > old
    assert await sweep(client, redis_url) == 0
    await expire(client, redis_url)
    await eventually(lambda: _is_gone(client))


async def _is_gone(client: Client) -> bool:
    return await client.wire.keys_of("alice") == []


async def _end_of(client: Client) -> float:
    async def score() -> float | None:
        found = await client.wire.redis.zscore(client.wire.name("sessions"), "support:alice")
        return None if found is None else float(found)

    return await eventually(score)
