"""Questions and answers in the message types of pydantic-ai."""

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from worker.completions.conversation import in_order
from worker.completions.failures import AnswerUnreadable
from worker.core.messages import Message, ToolCall
from worker.definitions.completion import CompletionMessage, ToolSpec, Usage


def messages_of(messages: Sequence[Message]) -> list[ModelMessage]:
    """Return the conversation: everything between two answers of the model is one request."""
    conversation: list[ModelMessage] = []
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    parts: list[ModelRequestPart] = []
    for message in in_order(messages):
        if message.role != "assistant":
            parts.append(_part_of(message, names.get(message.tool_call_id, "")))
            continue
        if parts:
            conversation.append(ModelRequest(parts=parts))
            parts = []
        conversation.append(_response_of(message))
    return [*conversation, ModelRequest(parts=parts)] if parts else conversation


def _part_of(message: Message, tool_name: str) -> ModelRequestPart:
    match message.role:
        case "user":
            return UserPromptPart(content=message.content)
        case "tool":
            return ToolReturnPart(tool_name, message.content, message.tool_call_id)
        case _:
            return SystemPromptPart(content=message.content)


def _response_of(message: Message) -> ModelResponse:
    text: list[ModelResponsePart] = [TextPart(message.content)] if message.content else []
    calls = [ToolCallPart(call.name, dict(call.arguments), call.id) for call in message.tool_calls]
    return ModelResponse(parts=[*text, *calls])


def parameters_of(tools: Sequence[ToolSpec]) -> ModelRequestParameters:
    """Return the tools, and that the model may also just say something."""
    definitions = [
        ToolDefinition(name=spec.name, parameters_json_schema=dict(spec.parameters), description=spec.description)
        for spec in tools
    ]
    return ModelRequestParameters(function_tools=definitions)


def answer_of(response: ModelResponse) -> CompletionMessage:
    """Return what the model said and called; what it thought is left out. Raises `AnswerUnreadable`."""
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    calls = tuple(_call_of(part) for part in response.parts if isinstance(part, ToolCallPart))
    usage = Usage(response.model_name or "", response.usage.input_tokens, response.usage.output_tokens)
    return CompletionMessage(text, calls, usage)


def _call_of(part: ToolCallPart) -> ToolCall:
    try:
        arguments = part.args_as_dict(raise_if_invalid=True)
    except (ValueError, AssertionError):
        raise AnswerUnreadable("the model called a tool with arguments that are no JSON object") from None
    return ToolCall(part.tool_call_id, part.tool_name, cast("dict[str, JsonValue]", arguments))
