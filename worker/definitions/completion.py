"""What a model adapter gets and gives back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from worker.core.messages import Message, ToolCall


@dataclass(frozen=True, slots=True)
class ToolSpec:
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

    def last_user_message(self) -> str:
        """Return the newest user message, `""` when there is none."""
        return next((message.content for message in reversed(self.messages) if message.role == "user"), "")


@dataclass(frozen=True, slots=True)
class CompletionMessage:
    """What a model answered: text, or calls of tools, or both."""

    content: str = ""
    tool_calls: Sequence[ToolCall] = ()


class Completion(Protocol):
    """An adapter to a model."""

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer the request; an exception ends the turn as `failed` / `agent_error`."""
        ...


CompletionFunction = Callable[[CompletionRequest], Awaitable[CompletionMessage]]
