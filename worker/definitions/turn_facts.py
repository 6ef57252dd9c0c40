"""Who and what a turn is about, as tools and callbacks read it."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from worker.core.messages import ToolCall


class TurnFacts(Protocol):
    """What can be read of a turn, also after its end."""

    @property
    def client_id(self) -> str:
        """Return whose session this is."""
        ...

    @property
    def swarm_name(self) -> str:
        """Return the swarm of the session."""
        ...

    @property
    def agent_name(self) -> str:
        """Return the agent that runs the tool, or that the callback is about."""
        ...

    @property
    def active_agent(self) -> str:
        """Return the agent that is active now: the one who answers next."""
        ...

    @property
    def request_id(self) -> str:
        """Return the request that this turn answers."""
        ...

    @property
    def attempt(self) -> int:
        """Return how often the request has been started, from 1."""
        ...

    @property
    def payload(self) -> JsonValue:
        """Return what the request carried besides its message."""
        ...

    @property
    def deadline(self) -> int | None:
        """Return the request's deadline in Unix ms by Redis' clock."""
        ...

    @property
    def tool_call_id(self) -> str:
        """Return the id of the tool call under way, `""` outside a tool."""
        ...

    @property
    def is_last_call(self) -> bool:
        """Tell whether the tool call under way is the last one of its batch."""
        ...

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """Return the whole batch that the tool call under way belongs to, in order."""
        ...

    @property
    def call_reason(self) -> str:
        """Return the text that the model said together with its tool calls, `""` when it said none."""
        ...
