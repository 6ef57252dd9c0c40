"""Chat messages: what a model sees and what a session's history is made of."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import JsonValue

_NO_ARGUMENTS: Final[Mapping[str, JsonValue]] = MappingProxyType({})


class ToolCall(NamedTuple):
    """One call of a tool that a model asks for; an empty id is filled in before the call runs."""

    id: str
    name: str
    arguments: Mapping[str, JsonValue] = _NO_ARGUMENTS


class Message(NamedTuple):
    """One chat message; `role` is user, assistant, system, developer, tool, resque or flush.

    `agent_name` and `mode` ("user" for a real client, "tool" for everything made by the server) are empty on the
    prompt lines, which no agent wrote. `tool_call_id` is set on the output of a tool.
    """

    role: str
    content: str
    agent_name: str = ""
    mode: str = ""
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str = ""
    payload: JsonValue = None
