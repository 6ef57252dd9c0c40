"""What a model adapter gets and gives back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from worker.core.messages import Message, ToolCall


class ToolSpec(NamedTuple):
    """A tool as the model sees it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, JsonValue]


def drop_delta(text: str) -> None:
    """Ignore streamed text: nobody listens."""


@dataclass(slots=True)
class CompletionRequest:
    """One question to a model; read it, don't change it (it is not frozen because it is made for every turn).

    `messages` is decoded when it is first looked at. Call `emit_delta` with pieces of text to stream the answer.
    """

    client_id: str
    swarm_name: str
    agent_name: str
    mode: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    emit_delta: Callable[[str], None] = drop_delta
    #: the newest message, where it is known without decoding the history that it is the user's
    question: str | None = None

    def last_user_message(self) -> str:
        """Return the newest user message, `""` when there is none."""
        if self.question is not None:
            return self.question
        for message in reversed(self.messages):
            if message.role == "user":
                return message.content
        return ""


class Usage(NamedTuple):
    """What an answer cost: tokens that the model `model` read and wrote."""

    model: str
    input_tokens: int
    output_tokens: int


class CompletionMessage(NamedTuple):
    """What a model answered: text, or calls of tools, or both."""

    content: str = ""
    tool_calls: Sequence[ToolCall] = ()
    usage: Usage | None = None


class Completion(Protocol):
    """An adapter to a model."""

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer the request; an exception ends the turn as `failed` / `agent_error`."""
        ...


CompletionFunction = Callable[[CompletionRequest], Awaitable[CompletionMessage]]
