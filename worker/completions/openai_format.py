"""Questions and answers as the OpenAI chat API writes them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
from pydantic import JsonValue

from worker.completions.conversation import in_order
from worker.completions.failures import AnswerCutOff, AnswerUnreadable
from worker.core.json_text import dumps
from worker.core.messages import Message, ToolCall
from worker.definitions.completion import CompletionMessage, ToolSpec, Usage


def messages_of(messages: Sequence[Message]) -> list[ChatCompletionMessageParam]:
    """Return the conversation as the API takes it.

    What a developer said goes out as system: only OpenAI itself knows the role developer, and it takes both.
    """
    return [_message_of(message) for message in in_order(messages)]


def _message_of(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "user":
            return {"role": "user", "content": message.content}
        case "tool":
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
        case "assistant" if message.tool_calls:
            return {
                "role": "assistant",
                "content": message.content or None,
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": dumps(dict(call.arguments))},
                    }
                    for call in message.tool_calls
                ],
            }
        case "assistant":
            return {"role": "assistant", "content": message.content}
        case _:
            return {"role": "system", "content": message.content}


def tools_of(tools: Sequence[ToolSpec]) -> list[ChatCompletionToolParam]:
    """Return the tools as the API takes them."""
    return [
        {
            "type": "function",
            "function": {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)},
        }
        for spec in tools
    ]


class Call(NamedTuple):
    """A tool call as the model wrote it; `arguments` should be JSON, from some servers it is an object already."""

    id: str
    name: str
    arguments: str | Mapping[str, JsonValue]


@dataclass(slots=True)
class Written:
    """An answer while its stream is read."""

    finish_reason: str = ""
    usage: CompletionUsage | None = None
    model: str = ""
    _text: list[str] = field(default_factory=list[str])
    _calls: dict[int, Call] = field(default_factory=dict[int, Call])

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Take in a piece and return its text."""
        self.usage = chunk.usage or self.usage
        self.model = chunk.model or self.model
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        for piece in choice.delta.tool_calls or ():
            self._add_call(piece)
        text = choice.delta.content or choice.delta.refusal or ""
        if text:
            self._text.append(text)
        return text

    def _add_call(self, piece: ChoiceDeltaToolCall) -> None:
        # Some servers number no calls but send each whole, in one piece with an id.
        index = cast("int | None", piece.index)
        at = index if index is not None else len(self._calls) - (0 if piece.id else 1)
        known = self._calls.get(at, Call("", "", ""))
        function = piece.function
        arguments = (function and function.arguments) or ""
        self._calls[at] = Call(
            piece.id or known.id,
            (function and function.name) or known.name,
            f"{known.arguments}{arguments}",
        )

    def message(self) -> CompletionMessage:
        """Return the whole answer; raises as `answer_of`."""
        calls = [self._calls[at] for at in sorted(self._calls)]
        return _answer("".join(self._text), calls, self.finish_reason, usage_of(self.model, self.usage))


def answer_of(completion: ChatCompletion) -> CompletionMessage:
    """Return an answer that came whole; raises `AnswerCutOff`, and `AnswerUnreadable` for bad arguments."""
    choice = completion.choices[0]
    message = choice.message
    calls = [
        Call(call.id or "", call.function.name, call.function.arguments)
        for call in message.tool_calls or ()
        if call.type != "custom"
    ]
    usage = usage_of(completion.model, completion.usage)
    return _answer(message.content or message.refusal or "", calls, choice.finish_reason, usage)


def usage_of(model: str, usage: CompletionUsage | None) -> Usage | None:
    """Return what the server says that the answer cost."""
    return None if usage is None else Usage(model, usage.prompt_tokens or 0, usage.completion_tokens or 0)


def _answer(text: str, calls: Iterable[Call], finish_reason: str, usage: Usage | None) -> CompletionMessage:
    is_cut = finish_reason == "length"
    made = tuple(_tool_call(call, is_cut=is_cut) for call in calls)
    if is_cut and not made and not text.strip():
        raise AnswerCutOff("the limit of output tokens ended the answer before it said anything: raise it in options")
    return CompletionMessage(text, made, usage)


def _tool_call(call: Call, *, is_cut: bool) -> ToolCall:
    try:
        arguments: object = json.loads(call.arguments or "{}") if isinstance(call.arguments, str) else call.arguments
    except ValueError:
        arguments = None
    if isinstance(arguments, Mapping):
        return ToolCall(call.id, call.name, cast("Mapping[str, JsonValue]", arguments))
    if is_cut:
        raise AnswerCutOff("the limit of output tokens ended the call of a tool: raise it in options")
    raise AnswerUnreadable("the model called a tool with arguments that are no JSON object")
