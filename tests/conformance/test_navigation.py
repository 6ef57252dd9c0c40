"""Which agent answers, and how the conversation gets to it and back."""

import asyncio
from typing import Any

import pytest

from tests.conformance.conftest import Serve
from tests.conformance.house import SORRY, Client, agent, swarm
from tests.conformance.model import Model, call, recall
from worker import Swarm, SwarmCallbacks, Texts, Tool, Turn, tool

TEAM = ("triage", "sales", "refunds")


def team(**options: Any) -> Swarm:
    """Return a swarm whose triage hands over to whom the client asks for; everybody else gives their name."""

    def hand_over(request: Any) -> Any:
        wanted = request.last_user_message().rpartition(" ")[2]
        return call(f"transfer_to_{wanted}") if wanted in TEAM else "triage here"

    return swarm(
        agent("triage", hand_over, handoffs=TEAM[1:]),
        agent("sales", "sales here"),
        agent("refunds", "refunds here"),
        **options,
    )


async def go(client: Client, *names: str) -> list[str]:
    """Change the agent from outside; return the outputs."""
    return [(await client.do("change-agent", agentName=name))["output"] for name in names]


async def test_changing_to_the_default_agent_makes_it_the_active_one(serve: Serve) -> None:
    client = await serve(team())
    await go(client, "sales")
    assert (await client.do("change-to-default-agent"))["output"] == "true"
    assert await client.answer("who?") == "triage here"


async def test_changing_to_the_previous_agent_goes_one_step_back(serve: Serve) -> None:
    client = await serve(team())
    await go(client, "sales", "refunds")
    assert (await client.do("change-to-prev-agent"))["output"] == "true"
    assert (await client.ask("who?"))["agentName"] == "sales"


@pytest.mark.parametrize("target", TEAM[1:])
async def test_a_navigation_tool_lets_the_target_answer(target: str, serve: Serve) -> None:
    client = await serve(team())
    reply = await client.ask(f"please get me {target}")
    assert (reply["output"], reply["agentName"]) == (f"{target} here", target)
    assert await client.answer("who?") == f"{target} here"


async def test_a_tool_that_navigates_without_an_output_answers_twice_in_one_shot_mode(serve: Serve) -> None:
    @tool
    async def leave(turn: Turn) -> None:
        await turn.change_agent("sales")

    client = await serve(swarm(agent("triage", call("leave"), tools=[leave]), agent("sales", "sales here")))
    replies = [await client.do("complete", message="go") for _ in range(2)]
    assert [(reply["status"], reply["output"]) for reply in replies] == [("completed", "sales here")] * 2


async def test_a_navigation_tool_that_changes_and_executes_is_answered_by_the_target(serve: Serve) -> None:
    @tool
    async def leave(turn: Turn) -> None:
        await turn.commit_tool_output(turn.tool_call_id, "Navigation done.")
        await turn.change_agent("sales")
        await turn.execute(f"asked: {turn.last_user_message()}")

    client = await serve(swarm(agent("triage", call("leave"), tools=[leave]), agent("sales", recall)))
    assert await client.answer("a lamp") == "user: a lamp | user: asked: a lamp"


async def test_a_message_sent_by_a_running_tool_is_answered_too(serve: Serve) -> None:
    sent: list[str] = []

    def nested(client: list[Client]) -> Tool:
        @tool
        async def order(turn: Turn) -> None:
            sent.append(await client[0].say("sent by the tool"))
            await turn.commit_tool_output(turn.tool_call_id, "ordered")
            await turn.execute("thank the client")

        return order

    clients: list[Client] = []
    model = Model(call("order"), "thank you", recall)
    client = await serve(swarm(agent("a", completion=model, tools=[nested(clients)])))
    clients.append(client)
    assert await client.answer("order it") == "thank you"
    (second,) = sent
    answer = (await client.reply_of(second))["output"]
    assert answer.endswith("user: thank the client | assistant: thank you | user: sent by the tool")


@pytest.mark.parametrize(("from_agent", "target"), [("triage", "sales"), ("sales", "triage")])
async def test_the_output_of_a_hand_off_names_whom_it_went_to(from_agent: str, target: str, serve: Serve) -> None:
    triage = agent("triage", call("transfer_to_sales"), handoffs=["sales"])
    sales = agent("sales", call("transfer_to_triage") if target == "triage" else "sales here", handoffs=["triage"])
    if target == "triage":
        triage = agent("triage", "triage here")
    client = await serve(swarm(triage, sales, bus="all"))
    await go(client, from_agent)
    reply = await client.ask("help")
    assert reply["output"] == f"{target} here"
    assert f"tool: The conversation was handed over to {target}." in await client.pushed_by(reply["requestId"])


async def test_a_hundred_clients_that_change_agents_at_once_each_keep_their_own(serve: Serve) -> None:
    client = await serve(team())
    clients = {f"client-{n}": TEAM[1 + n % 2] for n in range(100)}

    async def change_and_ask(client_id: str, target: str) -> str:
        one = client.named(client_id)
        await one.push("change-agent", agentName="refunds" if target == "sales" else "sales")
        await one.push("change-agent", agentName=target)
        return str((await one.ask("who?"))["output"])

    answers = await asyncio.gather(*(change_and_ask(*each) for each in clients.items()))
    assert answers == [f"{target} here" for target in clients.values()]


async def test_a_change_to_an_agent_outside_the_swarm_answers_false_and_changes_nothing(serve: Serve) -> None:
    client = await serve(team())
    assert await go(client, "nobody") == ["false"]
    assert await client.answer("who?") == "triage here"


async def test_a_second_change_to_one_target_in_one_turn_raises_in_the_tool_and_the_turn_ends(serve: Serve) -> None:
    errors: list[str] = []

    @tool
    async def twice(turn: Turn) -> None:
        await turn.change_agent("sales")
        try:
            await turn.change_agent("sales")
        except Exception as error:
            errors.append(str(error))
            raise

    client = await serve(swarm(agent("triage", call("twice"), tools=[twice]), agent("sales", "sales here")))
    reply = await client.ask("go")
    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", SORRY, "agent_error")
    assert errors == ["this turn already went to agent 'sales'"]
    assert await client.answer("and now?") == "sales here"


async def test_agents_that_hand_over_in_a_circle_end_with_a_polite_text(serve: Serve) -> None:
    one = agent("a", call("transfer_to_b"), handoffs=["b"])
    two = agent("b", call("transfer_to_a"), handoffs=["a"])
    client = await serve(swarm(one, two, texts=Texts(circle="What do you need?"), bus="all"))
    reply = await client.ask("hi")
    assert (reply["status"], reply["output"], reply["agentName"]) == ("completed", "What do you need?", "a")
    assert [record.partition(":")[0] for record in await client.pushed_by(reply["requestId"])][-2:] == [
        "assistant",
        "flush",
    ]


async def test_the_navigation_route_has_the_agents_that_this_turn_went_to(serve: Serve) -> None:
    routes: list[frozenset[str]] = []
    active: list[str] = []

    @tool
    async def tour(turn: Turn) -> str:
        routes.append(turn.navigation_route())
        active.append(f"{turn.active_agent} for {turn.agent_name}")
        await turn.change_agent("sales")
        routes.append(turn.navigation_route())
        active.append(f"{turn.active_agent} for {turn.agent_name}")
        return "seen"

    client = await serve(swarm(agent("triage", call("tour"), "done", tools=[tour]), agent("sales", "sales here")))
    await client.ask("go")
    assert routes == [frozenset(), frozenset({"sales"})]
    assert active == ["triage for triage", "sales for triage"]


async def test_swarm_callbacks_tell_init_execute_agent_changed_and_dispose(serve: Serve) -> None:
    told: list[str] = []
    callbacks = SwarmCallbacks(
        on_init=lambda turn: told.append(f"init {turn.client_id}"),
        on_connect=lambda turn: told.append(f"connect {turn.swarm_name}"),
        on_execute=lambda _turn, text, mode: told.append(f"execute {text} {mode}"),
        on_agent_changed=lambda turn, name: told.append(f"changed {name} {turn.agent_name}"),
        on_dispose=lambda turn: told.append(f"dispose {turn.client_id}"),
    )
    client = await serve(team(callbacks=callbacks))
    await client.do("connect")
    await client.ask("hi")
    await go(client, "sales")
    await client.do("dispose")
    assert told == ["init alice", "connect support", "execute hi user", "changed sales sales", "dispose alice"]


async def test_who_is_handed_over_to_answers_whatever_was_emitted_before(serve: Serve) -> None:
    @tool
    async def escalate(turn: Turn) -> None:
        await turn.emit("one moment")
        await turn.hand_over("sales")

    client = await serve(swarm(agent("triage", call("escalate"), tools=[escalate]), agent("sales", "sales here")))
    reply = await client.ask("help")
    assert (reply["output"], reply["agentName"]) == ("sales here", "sales")
    assert [item["data"] for item in await client.wire.outbox("alice", "support") if item["type"] == "emit"] == [
        "one moment"
    ]
