"""JSON as text, built fast and always valid UTF-8."""

import json
from json.encoder import encode_basestring

from pydantic_core import PydanticSerializationError, to_json


def quote(text: str) -> str:
    """Return `text` as a JSON string; half surrogate pairs, which UTF-8 can't carry, become question marks."""
    return encode_basestring(text if text.isascii() else _whole(text))


def dumps(value: object) -> str:
    """Return `value` as compact JSON; raises `TypeError` or `ValueError` for what JSON can't hold."""
    try:
        return to_json(value, inf_nan_mode="constants").decode()
    except PydanticSerializationError:
        return _whole(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _whole(text: str) -> str:
    # A model or a tool may cut a string in the middle of a surrogate pair. Left alone it would only fail when the
    # commit is packed, together with all the other turns of its batch.
    return text.encode("utf-8", "replace").decode()
