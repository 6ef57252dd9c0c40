"""What a definition may be told: every callback is optional, sync or async, and may fail without harm."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from worker.core.messages import ToolCall
from worker.definitions.turn import Turn

Done = Awaitable[None] | None
OnTurn = Callable[[Turn], Done]
OnText = Callable[[Turn, str], Done]
OnTwoTexts = Callable[[Turn, str, str], Done]
OnCalls = Callable[[Turn, Sequence[ToolCall]], Done]
OnCall = Callable[[Turn, ToolCall], Done]
OnCallResult = Callable[[Turn, ToolCall, str], Done]
OnState = Callable[[Turn, str, JsonValue], Done]
OnToolError = Callable[[Turn, str, BaseException], Done]
OnCallError = Callable[[Turn, ToolCall, BaseException], Done]


@dataclass(frozen=True, kw_only=True)
class SwarmCallbacks:
    """Told about sessions of a swarm; texts are (message, mode) for on_execute, the agent name for on_agent_changed."""

    on_init: OnTurn | None = None
    on_connect: OnTurn | None = None
    on_execute: OnTwoTexts | None = None
    on_run: OnText | None = None
    on_emit: OnText | None = None
    on_agent_changed: OnText | None = None
    on_dispose: OnTurn | None = None


@dataclass(frozen=True, kw_only=True)
class AgentCallbacks:
    """Told about the work of an agent, which is `turn.agent_name`.

    Texts: on_execute (input, mode), on_tool_output (tool_call_id, content), on_resurrect (mode, reason),
    on_tool_error (tool name, error).
    """

    on_init: OnTurn | None = None
    on_dispose: OnTurn | None = None
    on_execute: OnTwoTexts | None = None
    on_run: OnText | None = None
    on_output: OnText | None = None
    on_assistant_message: OnText | None = None
    on_user_message: OnText | None = None
    on_system_message: OnText | None = None
    on_developer_message: OnText | None = None
    on_tool_output: OnTwoTexts | None = None
    on_tool_request: OnCalls | None = None
    on_tool_error: OnToolError | None = None
    on_flush: OnTurn | None = None
    on_resurrect: OnTwoTexts | None = None
    on_after_tool_calls: OnCalls | None = None


@dataclass(frozen=True, kw_only=True)
class PolicyCallbacks:
    """Told about checks and bans; texts are (checked text, policy name) or the policy name."""

    on_validate_input: OnTwoTexts | None = None
    on_validate_output: OnTwoTexts | None = None
    on_ban_client: OnText | None = None
    on_unban_client: OnText | None = None


@dataclass(frozen=True, kw_only=True)
class StateCallbacks:
    """Told about one state: its name, and its value where there is one.

    `on_init` and `on_dispose` come with the session, not for shared states; `on_load` when a turn first uses the state.
    """

    on_init: OnText | None = None
    on_load: OnState | None = None
    on_read: OnState | None = None
    on_write: OnState | None = None
    on_dispose: OnText | None = None


@dataclass(frozen=True, kw_only=True)
class ToolCallbacks:
    """Told about the calls of one tool."""

    on_validate: OnCall | None = None
    on_before_call: OnCall | None = None
    on_after_call: OnCallResult | None = None
    on_call_error: OnCallError | None = None
