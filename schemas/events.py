"""Bus events: notices to observers of what happened in a session; names and sources are those of the origin."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from schemas.errors import BadItem
from schemas.model import Name, WireModel, describe


class Source(StrEnum):
    """Which part of the system an event comes from; a custom event has its topic instead."""

    SESSION = "session-bus"
    SWARM = "swarm-bus"
    AGENT = "agent-bus"
    HISTORY = "history-bus"
    POLICY = "policy-bus"
    STATE = "state-bus"
    STORAGE = "storage-bus"
    COMPUTE = "compute-bus"
    EXECUTION = "execution-bus"


class EventType(StrEnum):
    """What happened; `TYPES_BY_SOURCE` says which source publishes which."""

    CONNECT = "connect"
    EXECUTE = "execute"
    RUN = "run"
    EMIT = "emit"
    ASK_OPERATOR = "ask-operator"
    DISPOSE = "dispose"
    COMMIT_TOOL_OUTPUT = "commit-tool-output"
    COMMIT_USER_MESSAGE = "commit-user-message"
    COMMIT_SYSTEM_MESSAGE = "commit-system-message"
    COMMIT_DEVELOPER_MESSAGE = "commit-developer-message"
    COMMIT_ASSISTANT_MESSAGE = "commit-assistant-message"
    COMMIT_TOOL_REQUEST = "commit-tool-request"
    COMMIT_FLUSH = "commit-flush"
    COMMIT_STOP_TOOLS = "commit-stop-tools"
    COMMIT_AGENT_CHANGE = "commit-agent-change"
    COMMIT_CANCEL_OUTPUT = "commit-cancel-output"
    COMMIT_EXECUTION_BEGIN = "commit-execution-begin"
    COMMIT_EXECUTION_END = "commit-execution-end"
    GET_AGENT_NAME = "get-agent-name"
    GET_AGENT = "get-agent"
    SET_AGENT_NAME = "set-agent-name"
    SET_AGENT_REF = "set-agent-ref"
    WAIT_FOR_OUTPUT = "wait-for-output"
    CANCEL_OUTPUT = "cancel-output"
    EMIT_OUTPUT = "emit-output"
    PUSH = "push"
    POP = "pop"
    VALIDATE_INPUT = "validate-input"
    VALIDATE_OUTPUT = "validate-output"
    BAN_CLIENT = "ban-client"
    UNBAN_CLIENT = "unban-client"
    SET_STATE = "set-state"
    GET_STATE = "get-state"
    CLEAR_STATE = "clear-state"
    UPSERT = "upsert"
    REMOVE = "remove"
    CLEAR = "clear"
    TAKE = "take"
    GET = "get"
    LIST = "list"


_HISTORY_COMMITS: Final = frozenset(
    {
        EventType.COMMIT_TOOL_OUTPUT,
        EventType.COMMIT_USER_MESSAGE,
        EventType.COMMIT_SYSTEM_MESSAGE,
        EventType.COMMIT_DEVELOPER_MESSAGE,
        EventType.COMMIT_ASSISTANT_MESSAGE,
        EventType.COMMIT_TOOL_REQUEST,
        EventType.COMMIT_FLUSH,
        EventType.COMMIT_STOP_TOOLS,
    }
)

TYPES_BY_SOURCE: Final[Mapping[Source, frozenset[EventType]]] = MappingProxyType(
    {
        Source.SESSION: _HISTORY_COMMITS
        | {
            EventType.CONNECT,
            EventType.EXECUTE,
            EventType.RUN,
            EventType.EMIT,
            EventType.ASK_OPERATOR,
            EventType.DISPOSE,
        },
        Source.SWARM: frozenset(
            {
                EventType.GET_AGENT_NAME,
                EventType.GET_AGENT,
                EventType.SET_AGENT_NAME,
                EventType.SET_AGENT_REF,
                EventType.WAIT_FOR_OUTPUT,
                EventType.CANCEL_OUTPUT,
            }
        ),
        Source.AGENT: _HISTORY_COMMITS
        | {EventType.EMIT_OUTPUT, EventType.RUN, EventType.COMMIT_AGENT_CHANGE, EventType.COMMIT_CANCEL_OUTPUT},
        Source.HISTORY: frozenset({EventType.PUSH, EventType.POP}),
        Source.POLICY: frozenset(
            {EventType.VALIDATE_INPUT, EventType.VALIDATE_OUTPUT, EventType.BAN_CLIENT, EventType.UNBAN_CLIENT}
        ),
        Source.STATE: frozenset({EventType.SET_STATE, EventType.GET_STATE, EventType.CLEAR_STATE}),
        Source.STORAGE: frozenset(
            {
                EventType.UPSERT,
                EventType.REMOVE,
                EventType.CLEAR,
                EventType.TAKE,
                EventType.GET,
                EventType.LIST,
            }
        ),
        Source.COMPUTE: frozenset({EventType.EMIT_OUTPUT}),
        Source.EXECUTION: frozenset({EventType.COMMIT_EXECUTION_BEGIN, EventType.COMMIT_EXECUTION_END}),
    }
)


class BusEvent(WireModel):
    """Something that happened in a session; `at_ms` is Unix ms, `attempt` tells a run after a crash from the first."""

    type: EventType
    source: Source
    input: dict[str, JsonValue]
    output: dict[str, JsonValue]
    context: dict[str, JsonValue]
    client_id: str
    request_id: str | None
    turn: int | None
    attempt: int | None
    at_ms: int


class CustomEvent(WireModel):
    """An event that an application published; `source` is its topic."""

    source: Name
    payload: JsonValue
    client_id: str
    request_id: str | None
    turn: int | None
    attempt: int | None
    at_ms: int


_EVENT: Final = TypeAdapter[BusEvent](BusEvent).validator
_CUSTOM: Final = TypeAdapter[CustomEvent](CustomEvent).validator
_EVENTS: Final = TypeAdapter[list[BusEvent | CustomEvent]](list[BusEvent | CustomEvent]).validator


def parse_event(raw: bytes | str) -> BusEvent | CustomEvent:
    """Return the event that a bus channel carried; raise BadItem if it is none of this version."""
    try:
        event: BusEvent = _EVENT.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as fault:
        return _parse_custom(raw, describe(fault))
    return event


def _parse_custom(raw: bytes | str, why_no_bus_event: str) -> CustomEvent:
    try:
        event: CustomEvent = _CUSTOM.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError:
        raise BadItem(f"not a bus event of version 1: {why_no_bus_event}") from None
    return event


def parse_turn_events(raw: bytes | str) -> list[BusEvent | CustomEvent]:
    """Return the events of one committed turn, in order, from the `data` of an entry of the events stream."""
    try:
        events: list[BusEvent | CustomEvent] = _EVENTS.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise BadItem(f"not the events of a turn of version 1: {describe(fault)}") from None
    return events
