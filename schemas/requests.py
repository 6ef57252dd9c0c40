"""Requests: their kinds, the body of each kind, and the strict reading of a body."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, JsonValue, TypeAdapter, ValidationError

from schemas.errors import BadRequest
from schemas.events import Source
from schemas.model import Name, WireModel, describe
from schemas.strict_json import check_strict_json


class RequestKind(StrEnum):
    """What a client can ask for; the values go over the wire."""

    EXECUTE = "execute"
    RUN = "run"
    COMPLETE = "complete"
    CONNECT = "connect"
    COMMIT_USER_MESSAGE = "commit-user-message"
    COMMIT_SYSTEM_MESSAGE = "commit-system-message"
    COMMIT_DEVELOPER_MESSAGE = "commit-developer-message"
    COMMIT_ASSISTANT_MESSAGE = "commit-assistant-message"
    COMMIT_TOOL_OUTPUT = "commit-tool-output"
    COMMIT_TOOL_REQUEST = "commit-tool-request"
    COMMIT_FLUSH = "commit-flush"
    COMMIT_STOP_TOOLS = "commit-stop-tools"
    CHANGE_AGENT = "change-agent"
    CHANGE_TO_DEFAULT_AGENT = "change-to-default-agent"
    CHANGE_TO_PREV_AGENT = "change-to-prev-agent"
    EVENT = "event"
    EMIT = "emit"
    NOTIFY = "notify"
    CANCEL_OUTPUT = "cancel-output"
    BAN = "ban"
    UNBAN = "unban"
    OPERATOR_ANSWER = "operator-answer"
    DISPOSE = "dispose"


class WhenBusy(StrEnum):
    """What becomes of an execute whose session is held, ready or delayed."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"
    COALESCE = "coalesce"
    THROTTLE = "throttle"


class Mode(StrEnum):
    """Who speaks: the client itself, or a server on its behalf."""

    USER = "user"
    TOOL = "tool"


#: don't wait behind the running turn (and `dispose` with `force`)
CONTROL_LANE: Final = frozenset(
    {
        RequestKind.EMIT,
        RequestKind.NOTIFY,
        RequestKind.CANCEL_OUTPUT,
        RequestKind.BAN,
        RequestKind.UNBAN,
        RequestKind.OPERATOR_ANSWER,
    }
)
#: wait in the mailbox for their turn
SESSION_LANE: Final = frozenset(RequestKind) - CONTROL_LANE
#: open a session that does not exist
OPENING_KINDS: Final = frozenset(
    kind
    for kind in RequestKind
    if kind in (RequestKind.EXECUTE, RequestKind.RUN, RequestKind.CONNECT) or kind.startswith(("commit-", "change-"))
)


class Body(WireModel):
    """What a request carries besides its stream fields."""


class GuardedBody(Body):
    """A body whose request is skipped unless `agent_name`, if given, is the active agent."""

    optional_keys: ClassVar[frozenset[str]] = frozenset({"agentName"})
    agent_name: Name | None = None


class ExecuteBody(GuardedBody):
    """A message that the active agent answers."""

    optional_keys: ClassVar[frozenset[str]] = frozenset({"agentName", "payload"})
    message: str
    mode: Mode = Mode.USER
    payload: JsonValue = None


class RunBody(Body):
    """A message that is answered beside the conversation, and not kept in its history."""

    message: str


class CompleteBody(Body):
    """A message for a throw-away session."""

    optional_keys: ClassVar[frozenset[str]] = frozenset({"payload"})
    message: str
    payload: JsonValue = None


class ConnectBody(Body):
    """Nothing: opens the session."""


class CommitUserMessageBody(GuardedBody):
    """A user message for the history."""

    optional_keys: ClassVar[frozenset[str]] = frozenset({"agentName", "payload"})
    message: str
    mode: Mode = Mode.USER
    payload: JsonValue = None


class CommitMessageBody(GuardedBody):
    """A message for the history."""

    message: str


class CommitSystemMessageBody(CommitMessageBody):
    """A system message for the history."""


class CommitDeveloperMessageBody(CommitMessageBody):
    """A developer message for the history."""


class CommitAssistantMessageBody(CommitMessageBody):
    """An assistant message for the history."""


class CommitToolOutputBody(GuardedBody):
    """What a tool call gave, for the history."""

    tool_id: str
    content: str


class ToolRequest(WireModel):
    """One tool call to put into the history."""

    tool_name: Name
    params: dict[str, JsonValue]


class CommitToolRequestBody(GuardedBody):
    """Tool calls for the history; the output is the JSON list of their generated ids."""

    request: list[ToolRequest]


class CommitFlushBody(GuardedBody):
    """Nothing: forgets the history so far."""


class CommitStopToolsBody(GuardedBody):
    """Nothing: the tool calls that still wait are not made."""


class ChangeAgentBody(Body):
    """The agent to go to."""

    agent_name: Name


class ChangeToDefaultAgentBody(Body):
    """Nothing: goes to the default agent."""


class ChangeToPrevAgentBody(Body):
    """Nothing: goes back to the previous agent."""


def _refuse_reserved(topic: str) -> str:
    if topic in frozenset(Source):
        raise ValueError("this topic is a source of the system: choose another")
    return topic


class EventBody(Body):
    """A custom bus event."""

    topic: Annotated[Name, AfterValidator(_refuse_reserved)]
    payload: JsonValue


class EmitBody(GuardedBody):
    """A text for the client, which becomes the answer of the running turn, if any."""

    message: str


class NotifyBody(GuardedBody):
    """A text for the client that touches no turn."""

    message: str


class CancelOutputBody(GuardedBody):
    """Nothing: cancels the running turn."""


class BanBody(Body):
    """The policy that bans the client from now on."""

    policy_name: Name


class UnbanBody(Body):
    """The policy that lets the client in again."""

    policy_name: Name


class OperatorAnswerBody(Body):
    """What a human answers in the place of an agent; `question_id` names the question, else it is the open one."""

    optional_keys: ClassVar[frozenset[str]] = frozenset({"questionId"})
    message: str
    question_id: str | None = None


class DisposeBody(Body):
    """Nothing: ends the session."""


BODIES: Final[Mapping[RequestKind, type[Body]]] = MappingProxyType(
    {
        RequestKind.EXECUTE: ExecuteBody,
        RequestKind.RUN: RunBody,
        RequestKind.COMPLETE: CompleteBody,
        RequestKind.CONNECT: ConnectBody,
        RequestKind.COMMIT_USER_MESSAGE: CommitUserMessageBody,
        RequestKind.COMMIT_SYSTEM_MESSAGE: CommitSystemMessageBody,
        RequestKind.COMMIT_DEVELOPER_MESSAGE: CommitDeveloperMessageBody,
        RequestKind.COMMIT_ASSISTANT_MESSAGE: CommitAssistantMessageBody,
        RequestKind.COMMIT_TOOL_OUTPUT: CommitToolOutputBody,
        RequestKind.COMMIT_TOOL_REQUEST: CommitToolRequestBody,
        RequestKind.COMMIT_FLUSH: CommitFlushBody,
        RequestKind.COMMIT_STOP_TOOLS: CommitStopToolsBody,
        RequestKind.CHANGE_AGENT: ChangeAgentBody,
        RequestKind.CHANGE_TO_DEFAULT_AGENT: ChangeToDefaultAgentBody,
        RequestKind.CHANGE_TO_PREV_AGENT: ChangeToPrevAgentBody,
        RequestKind.EVENT: EventBody,
        RequestKind.EMIT: EmitBody,
        RequestKind.NOTIFY: NotifyBody,
        RequestKind.CANCEL_OUTPUT: CancelOutputBody,
        RequestKind.BAN: BanBody,
        RequestKind.UNBAN: UnbanBody,
        RequestKind.OPERATOR_ANSWER: OperatorAnswerBody,
        RequestKind.DISPOSE: DisposeBody,
    }
)


def _needs_message(model: type[Body]) -> bool:
    message = model.model_fields.get("message")
    return message is not None and message.is_required() and message.annotation is str


#: `message` alone, or followed by one plain word such as `mode`
_ONE_MESSAGE: Final = re.compile(
    rb'\s*\{\s*"message"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*(?:,\s*"mode"\s*:\s*"\w+"\s*)?\}\s*'
)
#: kinds whose body must have `message`, a text: one with four quotes in all has that key, that text and nothing more
_WITH_TEXT: Final = frozenset(kind for kind, model in BODIES.items() if _needs_message(model))
_QUOTES_OF_ONE_TEXT: Final = 4
_VALIDATORS: Final = {str(kind): TypeAdapter[Body](model).validator for kind, model in BODIES.items()}


def parse_body(kind: RequestKind | str, raw: bytes | str) -> Body:
    """Return the body of a request from its JSON object; raise BadRequest with what its sender must change.

    Refused are unknown kinds, wrong types, double keys, NaN and Infinity, more than 32 levels and invalid UTF-8.
    """
    validator = _VALIDATORS.get(kind)
    if validator is None:
        raise BadRequest(f"unknown kind: use one of {', '.join(RequestKind)}")
    data = _encode(raw) if isinstance(raw, str) else raw
    try:
        body: Body = validator.validate_json(data, by_alias=True, by_name=False)
    except ValidationError as fault:
        check_strict_json(data)
        raise BadRequest(f"body of {kind}: {describe(fault)}") from None
    # A valid body of these shapes has no room for a double key, an unknown key, NaN or depth. Nearly every body ends
    # here, so the slow exact check is rarely paid.
    has_one_text = kind in _WITH_TEXT and data.count(b'"') == _QUOTES_OF_ONE_TEXT
    if not has_one_text and _ONE_MESSAGE.fullmatch(data) is None:
        check_strict_json(data)
    return body


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadRequest("body holds half of a surrogate pair: encode the JSON as UTF-8") from None
