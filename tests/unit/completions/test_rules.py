"""A model made of patterns."""

import re
from collections.abc import Sequence
from typing import cast

from tests.unit.completions.requests import asked, question
from worker import CompletionMessage, Message, ToolCall
from worker.completions import RuleCompletion

RULES = RuleCompletion(
    [
        (r"refund", ToolCall("", "transfer_to_refunds")),
        (r"order (\d+)", ToolCall("", "order_status", {"order_id": r"\1"})),
        (r"price of (\w+)", r"A \1 costs 5."),
        (r"shout (.+)", lambda match: match[1].upper()),
        (r"both", CompletionMessage("ok")),
    ],
    otherwise="What?",
)


async def test_a_text_may_use_the_groups_of_its_pattern() -> None:
    assert (await RULES.complete(asked("What is the PRICE of tea?"))).content == "A tea costs 5."


async def test_the_first_pattern_that_is_found_wins() -> None:
    answer = await RULES.complete(asked("refund order 42", "transfer_to_refunds", "order_status"))
    assert [call.name for call in answer.tool_calls] == ["transfer_to_refunds"]


async def test_arguments_of_a_call_may_use_the_groups() -> None:
    answer = await RULES.complete(asked("Where is order 42?", "order_status"))
    assert answer.tool_calls[0].arguments == {"order_id": "42"}


async def test_a_call_that_the_agent_has_not_got_is_passed_over() -> None:
    assert (await RULES.complete(asked("refund for order 42", "order_status"))).tool_calls[0].name == "order_status"
    assert (await RULES.complete(asked("refund"))).content == "What?"


async def test_a_function_answers() -> None:
    assert (await RULES.complete(asked("shout hi"))).content == "HI"
    assert (await RULES.complete(asked("both"))).content == "ok"


async def test_after_tools_it_answers_with_their_results() -> None:
    request = question(
        Message("user", "order 1"), Message("tool", "on its way", tool_call_id="1"), Message("tool", "paid")
    )
    assert (await RULES.complete(request)).content == "on its way\npaid"


async def test_an_old_result_is_not_said_again() -> None:
    request = question(Message("tool", "on its way"), Message("user", "hm"))
    assert (await RULES.complete(request)).content == "What?"


async def test_a_function_may_call_a_tool() -> None:
    def look(match: re.Match[str]) -> ToolCall:
        return ToolCall("", "look", {"n": int(match[1])})

    answer = await RuleCompletion([(r"(\d+)", look)]).complete(asked("7", "look"))
    assert answer.tool_calls == (ToolCall("", "look", {"n": 7}),)


async def test_a_question_that_is_known_is_answered_without_a_look_at_the_history() -> None:
    request = question()
    request.messages, request.question = cast("Sequence[Message]", None), "both"
    assert (await RULES.complete(request)).content == "ok"
