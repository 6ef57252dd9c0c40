"""The rules of the demo: who answers what, who hands over to whom, and that nobody hands over for ever."""

import pytest

from worker import CompletionMessage, CompletionRequest, Message, Swarm, ToolCall
from worker.cli.demo_app import app, order_status, slow_app

SUPPORT = app.swarms["support"]
QUESTIONS = (
    "Where is order 42?",
    "I want my money back for order 42",
    "where is my refund",
    "Where is my refund for order 7?",
    "what does a parcel cost",
    "order",
    "42",
    "hello",
    "",
)


async def answer_of(swarm: Swarm, agent_name: str, question: str) -> CompletionMessage:
    agent = next(agent for agent in swarm.agents if agent.name == agent_name)
    request = CompletionRequest(
        client_id="you",
        swarm_name=swarm.name,
        agent_name=agent_name,
        mode="user",
        messages=[Message("user", question)],
        tools=agent.fixed_offer.specs if agent.fixed_offer else (),
    )
    return await agent.complete(request)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_question_ends_with_an_answer_after_few_hand_overs(question: str) -> None:
    agent_name, path = "triage", ["triage"]
    for _ in range(4):
        message = await answer_of(SUPPORT, agent_name, question)
        calls = [call.name for call in message.tool_calls if call.name.startswith("transfer_to_")]
        if not calls:
            break
        agent_name = calls[0].removeprefix("transfer_to_")
        path.append(agent_name)
    assert len(path) == len(set(path)), f"hands over in a circle: {path}"
    assert message.content or message.tool_calls


async def test_sales_looks_up_the_number_of_the_order() -> None:
    message = await answer_of(SUPPORT, "sales", "Where is order 42?")
    assert message.tool_calls == (ToolCall("", "order_status", {"order_id": 42}),)
    assert "Order 42" in str(await order_status(order_id=42))


async def test_refunds_names_the_order() -> None:
    assert "order 42" in (await answer_of(SUPPORT, "refunds", "I want my money back for order 42")).content


@pytest.mark.parametrize(("message", "passes"), [("Where is order 42?", True), ("You STUPID machine", False)])
def test_the_policy_refuses_rude_words(message: str, *, passes: bool) -> None:
    validate = SUPPORT.policies[0].validate_input
    assert validate is not None
    assert validate(message, None) is passes  # pyright: ignore[reportArgumentType] - it looks at the text alone


async def test_the_slow_swarm_gives_the_same_answers() -> None:
    slow = slow_app.swarms["support"]
    assert await answer_of(slow, "triage", "hello") == await answer_of(SUPPORT, "triage", "hello")
