"""What the HTTP status of a model's server means for us; of what the server says only known codes are repeated."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

from worker.clock import wall
from worker.completions.failures import (
    ContextTooLong,
    KeyRefused,
    ModelBusy,
    ModelError,
    QuestionRefused,
    QuotaUsedUp,
    ServerFailed,
    UnknownModel,
)

#: how servers say that a question is too long: code, type or text of their error
_TOO_LONG = re.compile(r"context.{0,10}(length|window|size)|maximum context|prompt is too long", re.IGNORECASE)
_NO_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: 529 is Anthropic's own: overloaded
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529})
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
_MS_PER_S = 1000


def failure_of_status(status: int, model: str, body: object, headers: Mapping[str, str]) -> ModelError:
    """Return what a status of 400 or more means; `body` is the decoded JSON of the answer, or its text."""
    code = _code_of(body)
    said = f"status {status}, {code}" if code else f"status {status}"
    if status == HTTPStatus.PAYMENT_REQUIRED or code in _NO_QUOTA:
        return QuotaUsedUp(f"the account has no quota left ({said}): top it up, or use another key")
    if status in _BUSY:
        wait_s = retry_after_s(headers)
        return ModelBusy(f"the server is busy ({said}): lower the load, or ask for a higher limit", after_s=wait_s)
    if status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed(f"the server failed ({said})", after_s=retry_after_s(headers))
    return _our_fault(HTTPStatus.NOT_FOUND if code == "model_not_found" else status, model, body, said)


def _our_fault(status: int, model: str, body: object, said: str) -> ModelError:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return KeyRefused(f"the server refused the key ({said}): check the key, and what it may use")
    if status == HTTPStatus.NOT_FOUND:
        return UnknownModel(
            f"no model {model!r} at this address ({said}): check model and base_url (mostly ends in /v1)"
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _TOO_LONG.search(_text_of(body)):
        return ContextTooLong(
            f"too long for {model!r} ({said}): lower keep_messages, or shorten prompt and tool outputs"
        )
    return QuestionRefused(f"the server did not accept the question ({said}): check options, tools and their schemas")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, None when it does not say."""
    for name, unit in (("retry-after-ms", _MS_PER_S), ("retry-after", 1)):
        wait_s = _seconds_of(headers.get(name, ""), unit)
        if wait_s is not None:
            return wait_s
    return None


def _seconds_of(value: str, unit: int) -> float | None:
    try:
        seconds = float(value) / unit
    except ValueError:
        return _seconds_until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    # the header has no zone only where the server breaks the rules: then UTC is meant
    return max(0.0, (at - wall() if at.tzinfo else at - wall().replace(tzinfo=None)).total_seconds())


def _fields_of(body: object) -> Mapping[str, object]:
    if not isinstance(body, Mapping):
        return {}
    fields = cast("Mapping[str, object]", body)
    inner = fields.get("error")
    return cast("Mapping[str, object]", inner) if isinstance(inner, Mapping) else fields


def _code_of(body: object) -> str:
    fields = _fields_of(body)
    names = (str(fields.get(key)) for key in ("code", "type"))
    return next((name for name in names if name != "None" and _CODE.fullmatch(name)), "")


def _text_of(body: object) -> str:
    fields = _fields_of(body)
    return " ".join(str(fields.get(key, "")) for key in ("code", "type", "message")) if fields else str(body)
