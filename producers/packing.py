"""From the arguments of a call to a packed XADD: checks everything that a worker would refuse, before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from pydantic import JsonValue, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_json

from producers.errors import InvalidRequest
from producers.ids import new_request_id
from producers.line import pack
from schemas.errors import BadRequest
from schemas.keyspace import ShardKeys
from schemas.model import describe
from schemas.names import BODY_MAX_BYTES, CLIENT_ID_RULE, is_client_id, is_name
from schemas.requests import BODIES, Mode, RequestKind, WhenBusy, parse_body
from schemas.wire import Request, to_fields


class Envelope(TypedDict, total=False):
    """What every request may say about its own treatment."""

    #: chosen by you to be able to send the same request again; a fresh UUIDv7 if left out
    request_id: str
    #: what to do when the session is busy; the swarm's default if left out
    when_busy: WhenBusy | str
    #: dispose even if a turn is running
    force: bool
    #: Unix ms by Redis' clock: reached later, the request is not started and its reply is `expired`
    deadline_ms: int
    traceparent: str
    tracestate: str


class ExecuteFields(Envelope, total=False):
    """What `execute` takes besides the message."""

    mode: Mode | str
    #: skip the request unless this agent is the active one
    agent_name: str
    payload: JsonValue


class SendFields(ExecuteFields, total=False):
    """What `send` takes: the keys of the kind's body, in snake_case, and the envelope."""

    message: str
    tool_id: str
    content: str
    #: tool calls, each `{"toolName": …, "params": {…}}`
    request: list[dict[str, JsonValue]]
    topic: str
    policy_name: str
    #: which question a human answers
    question_id: str


@dataclass(slots=True)  # not frozen: that takes four times as long to make, and one is made for each call
class Parcel:
    """A request ready to be sent; nobody changes it."""

    request_id: str
    client_id: str
    swarm_name: str
    keys: ShardKeys
    packed: bytes


_ENVELOPE: Final = {
    "request_id": "requestId",
    "when_busy": "whenBusy",
    "force": "force",
    "deadline_ms": "deadlineMs",
    "traceparent": "traceparent",
    "tracestate": "tracestate",
}


def check_client_id(client_id: str) -> None:
    """Raise InvalidRequest unless `client_id` is one that the protocol allows."""
    if type(client_id) is not str or not is_client_id(client_id):
        raise InvalidRequest(f"client_id {CLIENT_ID_RULE}")


def check_swarm_name(swarm_name: str) -> None:
    """Raise InvalidRequest unless `swarm_name` is one that the protocol allows."""
    if type(swarm_name) is not str or not is_name(swarm_name):
        raise InvalidRequest("swarm_name must have 1 to 64 characters of A-Z a-z 0-9 _ . -")


def pack_request(
    keys: ShardKeys,
    client_id: str,
    swarm_name: str,
    kind: RequestKind | str,
    fields: Mapping[str, object],
    reply_to: str = "",
) -> Parcel:
    """Pack a request of any kind; `fields` as in `SendFields`. Raise InvalidRequest with what to change."""
    request = make_request(client_id, swarm_name, kind, fields, reply_to)
    flat = [text for pair in to_fields(request).items() for text in pair]
    packed = pack(("XADD", keys.requests, "*", *flat))
    return Parcel(request.request_id, client_id, swarm_name, keys, packed)


def make_request(
    client_id: str, swarm_name: str, kind: RequestKind | str, fields: Mapping[str, object], reply_to: str = ""
) -> Request:
    """Return the checked request; raise InvalidRequest with what to change."""
    envelope = {_ENVELOPE[name]: value for name, value in fields.items() if name in _ENVELOPE and value is not None}
    body = {name: value for name, value in fields.items() if name not in _ENVELOPE}
    values = {
        "requestId": new_request_id(),
        "clientId": client_id,
        "swarmName": swarm_name,
        "kind": _kind(kind),
        "body": make_body(kind, body).decode(),
        "replyTo": reply_to,
        **envelope,
    }
    if "whenBusy" in values:
        values["whenBusy"] = _when_busy(values["whenBusy"])
    try:
        return Request.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise InvalidRequest(describe(fault)) from None


def make_body(kind: RequestKind | str, values: Mapping[str, object]) -> bytes:
    """Return the body of a request as JSON; `values` has the names of Python. Raise InvalidRequest."""
    known = BODIES[_kind(kind)].model_fields
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        takes = ", ".join([*known, *_ENVELOPE])
        raise InvalidRequest(f"{kind} takes no {', '.join(unknown)}; it takes: {takes}")
    body = write_body(
        {str(known[name].alias): value for name, value in values.items() if _is_given(known[name], value)}
    )
    try:
        parse_body(kind, body)
    except BadRequest as fault:
        raise InvalidRequest(str(fault)) from None
    return body


def write_body(values: Mapping[str, object]) -> bytes:
    """Return a body as JSON; raise InvalidRequest if it can't be written or is too large."""
    try:
        body = to_json(values, inf_nan_mode="constants")
    except (PydanticSerializationError, UnicodeEncodeError):
        raise InvalidRequest("body can't be written as JSON: use text, numbers, lists, dicts, booleans, None") from None
    if len(body) > BODY_MAX_BYTES:
        raise InvalidRequest(f"body has {len(body)} bytes, more than {BODY_MAX_BYTES}: pass a reference instead")
    return body


def _is_given(field: FieldInfo, value: object) -> bool:
    return value is not None or field.is_required()


def _kind(value: object) -> RequestKind:
    try:
        return RequestKind(value)
    except ValueError:
        raise InvalidRequest(f"unknown kind: use one of {', '.join(RequestKind)}") from None


def _when_busy(value: object) -> WhenBusy:
    try:
        return WhenBusy(value)
    except ValueError:
        raise InvalidRequest(f"unknown when_busy: use one of {', '.join(WhenBusy)}") from None
