"""A model that says what a test wants and keeps what it was shown."""

import inspect
from collections.abc import Awaitable, Callable, Sequence

from pydantic import JsonValue

from worker import CompletionMessage, CompletionRequest, ToolCall

#: text, calls of tools, a whole message, an error to raise
Answer = str | ToolCall | Sequence[ToolCall] | CompletionMessage | BaseException
Line = Answer | Callable[[CompletionRequest], Answer | Awaitable[Answer]]


class Model:
    """Says its lines in order and the last one for ever; a line may be a function of what was asked."""

    def __init__(self, *lines: Line) -> None:
        self._lines: tuple[Line, ...] = lines or (echo,)
        self.requests: list[CompletionRequest] = []
        #: per question: what was shown, each as `role: content`
        self.shown: list[list[str]] = []

    @property
    def asked(self) -> list[str]:
        """Return the newest user message of each question."""
        return [request.last_user_message() for request in self.requests]

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        line = self._lines[min(len(self.requests), len(self._lines) - 1)]
        self.requests.append(request)
        self.shown.append([f"{message.role}: {message.content}" for message in request.messages])
        answer = line(request) if callable(line) else line
        return _message_of(await answer if inspect.isawaitable(answer) else answer)


def echo(request: CompletionRequest) -> str:
    """Answer with the newest user message."""
    return request.last_user_message()


def recall(request: CompletionRequest) -> str:
    """Answer with everything that was shown but the system lines."""
    return " | ".join(f"{shown.role}: {shown.content}" for shown in request.messages if shown.role != "system")


def call(name: str, **arguments: JsonValue) -> ToolCall:
    """Ask for a call of a tool."""
    return ToolCall("", name, arguments)


def _message_of(answer: Answer) -> CompletionMessage:
    match answer:
        case BaseException():
            raise answer
        case CompletionMessage():
            return answer
        case str():
            return CompletionMessage(answer)
        case ToolCall():
            return CompletionMessage(tool_calls=(answer,))
        case _:
            return CompletionMessage(tool_calls=tuple(answer))
