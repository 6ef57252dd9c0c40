"""Many messages at once: each is answered, by its own answer, in the order in which it was sent."""

import asyncio
from collections import Counter

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from tests.conformance.model import Model, call, echo, recall
from tests.conformance.test_control import Door
from tests.helpers.eventually import eventually
from worker import CompletionRequest, Turn, tool
from worker.clock import sleep


async def test_fifty_one_shot_completions_at_once_each_see_an_empty_history(serve: Serve) -> None:
    client = await serve(swarm(agent("a", lambda request: str(len(request.messages)))))
    replies = await asyncio.gather(*(client.do("complete", message="hi") for _ in range(50)))
    assert [reply["output"] for reply in replies] == ["1"] * 50


@pytest.mark.parametrize(("mode", "opening"), [("user", None), ("user", "connect"), ("tool", None)])
async def test_messages_that_nobody_waits_for_keep_their_order_per_client(
    mode: str, opening: str | None, serve: Serve
) -> None:
    async def dawdle(request: CompletionRequest) -> str:
        await sleep(len(model.requests) * 37 % 10 / 1000)
        return " ".join(message.content for message in request.messages if message.role == "user")

    model = Model(dawdle)
    client = await serve(swarm(agent("a", completion=model)), workers=2)
    last: dict[str, str] = {}
    for name in (f"client-{n}" for n in range(10)):
        one = client.named(name)
        if opening:
            await one.push(opening)
        for n in range(5):
            last[name] = await one.say(f"m{n}", mode=mode)
    for name, request_id in last.items():
        assert (await client.named(name).reply_of(request_id))["output"] == "m0 m1 m2 m3 m4"


async def test_a_hundred_sends_and_a_hundred_server_messages_are_all_answered_once(serve: Serve) -> None:
    @tool
    async def count(turn: Turn) -> str:
        return str(await turn.state("counter").set(lambda old: (old if isinstance(old, int) else 0) + 1))

    def count_once(request: CompletionRequest) -> object:
        newest = request.messages[-1]
        return newest.content if newest.role == "tool" else call("count")

    client = await serve(swarm(agent("a", count_once, tools=[count])), workers=2)
    async with client.wire.listen(client.wire.client_channel("alice", "support")) as channel:
        ids = [await client.say(f"m{n}", mode=mode) for n in range(100) for mode in ("user", "tool")]
        heard = await channel.until_reply(ids[-1])
    assert Counter(item["requestId"] for item in heard if item["type"] == "reply") == Counter(ids)
    assert [item["output"] for item in heard] == [str(n) for n in range(1, 201)]


async def test_two_sessions_run_in_parallel_and_each_gets_its_own_answer(serve: Serve) -> None:
    both = asyncio.Barrier(2)

    async def meet(request: CompletionRequest) -> str:
        await both.wait()
        return f"answer for {request.client_id}"

    client = await serve(swarm(agent("a", meet)))
    answers = await asyncio.gather(client.answer("hi"), client.named("bob").answer("hi"))
    assert answers == ["answer for alice", "answer for bob"]


async def test_two_messages_of_one_session_are_paired_with_their_answers(serve: Serve) -> None:
    client = await serve(swarm(agent("a", echo)), workers=2)
    assert await asyncio.gather(client.answer("one"), client.answer("two")) == ["one", "two"]


async def test_messages_committed_beside_a_send_are_in_the_history_and_not_answered(serve: Serve) -> None:
    model = Model(recall)
    client = await serve(swarm(agent("a", completion=model)))
    async with client.wire.listen(client.wire.client_channel("alice", "support")) as channel:
        await client.push("commit-user-message", message="before")
        await client.say("question")
        last = await client.push("commit-user-message", message="after")
        heard = await channel.until_reply(last)
    assert [item["output"] for item in heard] == ["", "user: before | user: question", ""]
    assert (await client.answer("and?")).startswith("user: before | user: question | assistant: ")
    assert "user: after | user: and?" in model.shown[1][-2] + " | " + model.shown[1][-1]


async def test_of_four_messages_at_once_coalesce_answers_two_and_keeps_all_four_in_their_order(serve: Serve) -> None:
    door = Door()
    model = Model(door.model)
    client = await serve(swarm(agent("a", completion=model), when_busy="coalesce"))
    ids = [await client.say("hang")]
    await door.reached.wait()
    ids += [await client.say(f"m{n}") for n in (2, 3, 4)]
    await eventually(lambda: client.wire.accepted(ids[-1]))
    door.opened.set()
    outputs = [(await client.reply_of(request_id))["output"] for request_id in ids]
    assert outputs == ["late", "answer to m4", "answer to m4", "answer to m4"]
    assert model.asked == ["hang", "m4"]
    assert model.shown[1] == ["user: hang", "assistant: late", "user: m2", "user: m3", "user: m4"]


async def test_throttle_takes_one_message_in_its_window(serve: Serve) -> None:
    model = Model(echo)
    client = await serve(swarm(agent("a", completion=model), when_busy="throttle", throttle_s=3600))
    assert await client.answer("first") == "first"
    second = await client.ask("second")
    assert (second["status"], second["output"], second["error"]["code"]) == ("rejected", "", "throttled")
    assert model.asked == ["first"]
