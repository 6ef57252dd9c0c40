"""A request as model and as the fields of its stream entry, both ways."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationError

from schemas.errors import BadRequest
from schemas.model import Name, WireModel, describe
from schemas.names import CLIENT_ID_RULE, PROTOCOL_VERSION, REQUEST_ID_PATTERN, is_client_id
from schemas.requests import RequestKind, WhenBusy


def _check_client_id(text: str) -> str:
    if not is_client_id(text):
        raise ValueError(CLIENT_ID_RULE)
    return text


class Request(WireModel):
    """All stream fields of a request; `body` is a JSON object as text, times are Unix ms by Redis' clock."""

    v: int = Field(default=PROTOCOL_VERSION, ge=1, le=PROTOCOL_VERSION)
    request_id: str = Field(pattern=f"^(?:{REQUEST_ID_PATTERN})$")
    client_id: Annotated[str, AfterValidator(_check_client_id)]
    swarm_name: Name
    kind: RequestKind
    body: str = "{}"
    #: how to treat an execute whose session is busy; None = as the swarm says
    when_busy: WhenBusy | None = None
    #: for dispose: end a running turn
    force: bool = False
    #: a reply channel of the request's own shard; "" = none
    reply_to: str = ""
    #: reached later than that the request is not started
    deadline_ms: int | None = Field(default=None, ge=0)
    traceparent: str = ""
    tracestate: str = ""
    sent_at_ms: int | None = Field(default=None, ge=0)


_REQUIRED: Final = ("v", "requestId", "clientId", "swarmName", "kind")


def to_fields(request: Request) -> dict[str, str]:
    """Return the stream fields of a request; what is not set is left out."""
    fields = {
        "v": str(request.v),
        "requestId": request.request_id,
        "clientId": request.client_id,
        "swarmName": request.swarm_name,
        "kind": str(request.kind),
        "body": request.body,
    }
    optional = {
        "whenBusy": request.when_busy or "",
        "force": "1" if request.force else "",
        "replyTo": request.reply_to,
        "deadlineMs": "" if request.deadline_ms is None else str(request.deadline_ms),
        "traceparent": request.traceparent,
        "tracestate": request.tracestate,
        "sentAtMs": "" if request.sent_at_ms is None else str(request.sent_at_ms),
    }
    fields.update((key, str(value)) for key, value in optional.items() if value)
    return fields


def from_fields(fields: Mapping[bytes, bytes] | Mapping[str, str] | Mapping[bytes | str, bytes | str]) -> Request:
    """Return the request that an entry holds; raise BadRequest with what to change if a field is missing or wrong."""
    texts = {_text(key): _text(value) for key, value in fields.items()}
    missing = [key for key in _REQUIRED if key not in texts]
    if missing:
        raise BadRequest(f"fields are missing: {', '.join(missing)}")
    values: dict[str, object] = {
        **texts,
        "v": _integer(texts, "v"),
        "kind": _kind(texts["kind"]),
        "body": texts.get("body") or "{}",
        "whenBusy": _when_busy(texts.get("whenBusy", "")),
        "force": _force(texts.get("force", "")),
        "deadlineMs": _integer(texts, "deadlineMs"),
        "sentAtMs": _integer(texts, "sentAtMs"),
    }
    try:
        return Request.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as fault:
        raise BadRequest(describe(fault)) from None


def _text(raw: bytes | str) -> str:
    try:
        return raw if isinstance(raw, str) else raw.decode()
    except UnicodeDecodeError:
        raise BadRequest("a field is not valid UTF-8") from None


def _integer(texts: Mapping[str, str], key: str) -> int | None:
    text = texts.get(key, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16):  # noqa: PLR2004 - all that a double holds exactly
        raise BadRequest(f"{key} must be a whole number, as decimal digits")
    return int(text)


def _kind(text: str) -> RequestKind:
    try:
        return RequestKind(text)
    except ValueError:
        raise BadRequest(f"unknown kind: use one of {', '.join(RequestKind)}") from None


def _when_busy(text: str) -> WhenBusy | None:
    try:
        return WhenBusy(text) if text else None
    except ValueError:
        raise BadRequest(f"unknown whenBusy: use one of {', '.join(WhenBusy)}") from None


def _force(text: str) -> bool:
    if text not in ("", "0", "1"):
        raise BadRequest("force must be 1, or be left out")
    return text == "1"
