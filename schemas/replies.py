"""What comes back: the terminal reply of a request and everything else meant for the client of a session."""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from schemas.errors import BadItem
from schemas.model import WireModel, describe


class Status(StrEnum):
    """How a request ended."""

    COMPLETED = "completed"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ErrorCode(StrEnum):
    """Why a request was refused, rejected or failed."""

    POLICY_REFUSED = "policy_refused"
    MAILBOX_FULL = "mailbox_full"
    BUSY = "busy"
    THROTTLED = "throttled"
    BAD_REQUEST = "bad_request"
    UNKNOWN_SWARM = "unknown_swarm"
    AGENT_ERROR = "agent_error"
    TURN_TIMEOUT = "turn_timeout"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    BAD_SHARD = "bad_shard"


class ReplyError(WireModel):
    """Why there is no answer; never holds a stack trace, a secret or data of another client."""

    optional_keys: ClassVar[frozenset[str]] = frozenset({"policyName"})
    code: ErrorCode
    message: str
    policy_name: str | None = None


class Reply(WireModel):
    """The terminal reply of a request, exactly one per request id.

    `seq`, `agent_name` and `turn` are null for a request that never reached a turn; times are Unix ms by Redis' clock.
    """

    optional_keys: ClassVar[frozenset[str]] = frozenset({"skipped"})
    v: Literal[1] = 1
    type: Literal["reply"] = "reply"
    request_id: str
    client_id: str
    swarm_name: str
    status: Status
    output: str
    seq: int | None
    agent_name: str | None
    turn: int | None
    attempts: int
    error: ReplyError | None
    accepted_at_ms: int
    finished_at_ms: int
    #: the request named an agent that was not the active one, so nothing was done
    skipped: bool = False


class Accepted(WireModel):
    """The marker at the result key of a request that is under way."""

    v: Literal[1] = 1
    request_id: str
    client_id: str
    swarm_name: str
    status: Literal["accepted"] = "accepted"


class Emit(WireModel):
    """A text that a turn, or an `emit` request, sent to the client."""

    v: Literal[1] = 1
    type: Literal["emit"] = "emit"
    seq: int
    data: str
    #: the agent that was active, null where there was no session
    agent_name: str | None
    client_id: str
    swarm_name: str
    request_id: str


class Notify(WireModel):
    """A text for the client that belongs to no turn."""

    v: Literal[1] = 1
    type: Literal["notify"] = "notify"
    seq: int
    data: str
    agent_name: str | None
    client_id: str
    swarm_name: str
    request_id: str


class Question(WireModel):
    """What an agent who is human is asked, or told: `question_id` is null where nobody waits for an answer."""

    v: Literal[1] = 1
    type: Literal["question"] = "question"
    seq: int
    data: str
    question_id: str | None
    agent_name: str
    client_id: str
    swarm_name: str
    request_id: str


class Delta(WireModel):
    """A piece of an answer while the model writes it; on the channel only, best effort, `index` counts from 0."""

    v: Literal[1] = 1
    type: Literal["delta"] = "delta"
    data: str
    agent_name: str | None
    client_id: str
    swarm_name: str
    request_id: str
    attempt: int
    index: int


AnyItem = Reply | Emit | Notify | Question | Delta
ClientItem = Annotated[AnyItem, Field(discriminator="type")]

_CLIENT_ITEM: Final = TypeAdapter[AnyItem](ClientItem).validator
_REPLY: Final = TypeAdapter[Reply](Reply).validator
_ACCEPTED: Final = TypeAdapter[Accepted](Accepted).validator


def parse_reply(raw: bytes | str) -> Reply:
    """Return a terminal reply; raise BadItem if it is none of this version."""
    try:
        reply: Reply = _REPLY.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise BadItem(f"not a reply of version 1: {describe(fault)}") from None
    return reply


def parse_client_item(raw: bytes | str) -> AnyItem:
    """Return what a client channel or outbox entry carried; raise BadItem if it is nothing of this version."""
    try:
        item: AnyItem = _CLIENT_ITEM.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise BadItem(f"not a client item of version 1: {describe(fault)}") from None
    return item


def parse_result(raw: bytes | str) -> Reply | Accepted:
    """Return what a result key holds: the terminal reply, or the marker of a request under way."""
    try:
        return parse_reply(raw)
    except BadItem:
        return _parse_marker(raw)


def _parse_marker(raw: bytes | str) -> Accepted:
    try:
        marker: Accepted = _ACCEPTED.validate_json(raw, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise BadItem(f"neither reply nor marker of version 1: {describe(fault)}") from None
    return marker
