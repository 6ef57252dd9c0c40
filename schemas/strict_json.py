"""The faults that JSON parsers let pass: double keys, NaN and Infinity, numbers out of range, too deep nesting."""

import json
import math
from collections.abc import Iterable

from pydantic import JsonValue

from schemas.errors import BadRequest
from schemas.names import DEPTH_MAX


def check_strict_json(raw: bytes) -> None:
    """Raise BadRequest unless `raw` is an object without double keys and non-finite numbers, at most 32 levels deep."""
    try:
        value: JsonValue = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        raise BadRequest("body is not valid UTF-8: encode the JSON as UTF-8") from None
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    except BadRequest:
        raise
    except ValueError as fault:
        reason = fault.msg if isinstance(fault, json.JSONDecodeError) else "a number is too long"
        raise BadRequest(f"body is not valid JSON: {reason}") from None
    if not isinstance(value, dict):
        raise BadRequest("body must be a JSON object")
    _check_values(value)


_TOO_DEEP = f"body is nested deeper than {DEPTH_MAX} levels: flatten it"


def _refuse_double_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("body has the same key twice in one object: send each key once")
    return found


def _refuse_constant(name: str) -> JsonValue:
    raise BadRequest(f"body holds {name}, which is not JSON: send null or a string")


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_double_keys, parse_constant=_refuse_constant)


def _children(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_values(value: JsonValue) -> None:
    level: list[JsonValue] = [value]
    for _ in range(DEPTH_MAX):
        if any(isinstance(item, float) and not math.isfinite(item) for item in level):
            raise BadRequest("body holds a number out of range: send it as a string")
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    if any(isinstance(item, dict | list) for item in level):
        raise BadRequest(_TOO_DEEP)
    if any(isinstance(item, float) and not math.isfinite(item) for item in level):
        raise BadRequest("body holds a number out of range: send it as a string")
