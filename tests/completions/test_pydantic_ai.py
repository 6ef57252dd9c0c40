"""PydanticAICompletion, offline with pydantic-ai's own test models."""

from collections.abc import AsyncIterator

import pytest
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.models.test import TestModel

from tests.completions.questions import ORDER_STATUS, WHERE, question
from worker import Message, ToolCall
from worker.completions import ModelError, PydanticAICompletion
from worker.completions.failures import AnswerUnreadable, KeyRefused, ModelBusy, ModelNotSetUp, ServerUnreachable


def answering(
    *parts: TextPart | ToolCallPart | ThinkingPart, seen: list[list[ModelMessage]] | None = None
) -> FunctionModel:
    def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        if seen is not None:
            seen.append(messages)
        return ModelResponse(parts=list(parts))

    return FunctionModel(answer)


def failing(error: Exception) -> FunctionModel:
    def answer(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        raise error

    return FunctionModel(answer)


async def test_a_conversation_becomes_requests_and_responses() -> None:
    seen: list[list[ModelMessage]] = []
    completion = PydanticAICompletion(answering(TextPart("On its way."), seen=seen))
    asking = Message("assistant", "Let me see.", tool_calls=(ToolCall("call_a", "order_status", {"order_id": 42}),))
    history = (Message("system", "Be brief."), WHERE, asking, Message("tool", "packed", tool_call_id="call_a"))
    answer = await completion.complete(question(*history, Message("user", "And now?")))
    assert answer.content == "On its way."
    first, second, third = seen[0]
    assert isinstance(first, ModelRequest)
    assert isinstance(second, ModelResponse)
    assert isinstance(third, ModelRequest)
    system, user = first.parts
    assert isinstance(system, SystemPromptPart)
    assert isinstance(user, UserPromptPart)
    assert (system.content, user.content) == ("Be brief.", WHERE.content)
    assert second.parts == [TextPart("Let me see."), ToolCallPart("order_status", {"order_id": 42}, "call_a")]
    output, now = third.parts
    assert isinstance(output, ToolReturnPart)
    assert isinstance(now, UserPromptPart)
    assert (output.tool_name, output.content, output.tool_call_id) == ("order_status", "packed", "call_a")
    assert now.content == "And now?"


async def test_calls_come_back_with_ids_and_arguments_and_without_thoughts() -> None:
    calls = (ToolCallPart("order_status", '{"order_id": 42}', "call_a"), ToolCallPart("ping", {}, "call_b"))
    completion = PydanticAICompletion(answering(ThinkingPart("hm"), TextPart("One moment."), *calls))
    answer = await completion.complete(question(tools=[ORDER_STATUS]))
    assert answer.content == "One moment."
    assert list(answer.tool_calls) == [
        ToolCall("call_a", "order_status", {"order_id": 42}),
        ToolCall("call_b", "ping", {}),
    ]


async def test_the_test_model_calls_the_tools_that_it_is_offered_then_sums_up() -> None:
    completion = PydanticAICompletion(TestModel(seed=1))
    answer = await completion.complete(question(tools=[ORDER_STATUS]))
    (made,) = answer.tool_calls
    assert made.name == "order_status"
    assert isinstance(made.arguments["order_id"], int)
    done = (WHERE, Message("assistant", "", tool_calls=(made,)), Message("tool", "packed", tool_call_id=made.id))
    assert (await completion.complete(question(*done, tools=[ORDER_STATUS]))).content == '{"order_status":"packed"}'


async def test_a_model_may_be_given_by_its_name() -> None:
    completion = PydanticAICompletion("test")
    answer = await completion.complete(question())
    assert answer.content == "success (no tool calls)"
    assert answer.usage is not None
    assert (answer.usage.model, answer.usage.output_tokens > 0) == ("test", True)
    await completion.aclose()


async def test_a_streamed_answer_is_handed_on_piece_by_piece() -> None:
    async def write(_: list[ModelMessage], __: AgentInfo) -> AsyncIterator[str]:
        for text in ("On ", "its ", "way."):
            yield text

    pieces: list[str] = []
    completion = PydanticAICompletion(FunctionModel(stream_function=write), stream=True)
    answer = await completion.complete(question(emit_delta=pieces.append))
    assert pieces == ["On ", "its ", "way."]
    assert answer.content == "On its way."


async def test_streamed_calls_are_put_together() -> None:
    async def write(_: list[ModelMessage], __: AgentInfo) -> AsyncIterator[DeltaToolCalls]:
        yield {0: DeltaToolCall("order_status", '{"order', tool_call_id="call_a")}
        yield {0: DeltaToolCall(json_args='_id": 42}')}

    completion = PydanticAICompletion(FunctionModel(stream_function=write), stream=True)
    answer = await completion.complete(question(tools=[ORDER_STATUS]))
    assert list(answer.tool_calls) == [ToolCall("call_a", "order_status", {"order_id": 42})]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelHTTPError(429, "tiny-1", {"message": "sk-canary"}, headers={"Retry-After": "7"}), ModelBusy),
        (ModelHTTPError(401, "tiny-1", {"message": "sk-canary"}), KeyRefused),
        (ModelAPIError("tiny-1", "sk-canary"), ServerUnreachable),
        (UnexpectedModelBehavior("sk-canary"), AnswerUnreadable),
    ],
)
async def test_failures_are_told_in_our_words(error: Exception, kind: type[ModelError]) -> None:
    with pytest.raises(kind) as failure:
        await PydanticAICompletion(failing(error)).complete(question())
    assert "sk-canary" not in str(failure.value)
    assert failure.value.__suppress_context__


async def test_the_patience_that_a_server_asks_for_is_kept() -> None:
    error = ModelHTTPError(429, "tiny-1", headers={"Retry-After": "7"})
    with pytest.raises(ModelBusy) as failure:
        await PydanticAICompletion(failing(error)).complete(question())
    assert failure.value.after_s == 7


async def test_fallback_models_are_tried_in_turn() -> None:
    busy = failing(ModelHTTPError(503, "tiny-1"))
    completion = PydanticAICompletion(FallbackModel(busy, answering(TextPart("ok"))))
    assert (await completion.complete(question())).content == "ok"
    with pytest.raises(ModelBusy):
        await PydanticAICompletion(FallbackModel(busy, busy)).complete(question())


async def test_arguments_that_are_no_object_say_so() -> None:
    completion = PydanticAICompletion(answering(ToolCallPart("order_status", "[42]", "call_a")))
    with pytest.raises(AnswerUnreadable, match="no JSON object"):
        await completion.complete(question(tools=[ORDER_STATUS]))


@pytest.mark.parametrize("name", ["nobody:tiny-1", "tiny-1"])
async def test_a_name_that_nobody_has_says_so(name: str) -> None:
    with pytest.raises(ModelNotSetUp, match="Unknown model"):
        await PydanticAICompletion(name).complete(question())


async def test_what_is_not_about_the_model_is_left_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        await PydanticAICompletion(failing(ZeroDivisionError())).complete(question())
