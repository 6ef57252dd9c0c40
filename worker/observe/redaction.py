"""What must never reach a log line: passwords in addresses, and what people said."""

import re
from collections.abc import Mapping, MutableMapping

#: up to the last @, since a password may hold others
CREDENTIALS = re.compile(r"://\S+@")
QUERY_PASSWORD = re.compile(r"([?&](?:password|username)=)[^&\s]*")

#: keys under which a log line would carry contents of a conversation
CONTENTS = frozenset(
    {"body", "content", "document", "history", "input", "memory", "message", "output", "payload", "prompt", "state"}
)


def redact_url(text: str) -> str:
    """Return `text`, a URL or prose with URLs in it, with user names and passwords replaced."""
    return QUERY_PASSWORD.sub(r"\1***", CREDENTIALS.sub("://***@", text))


def redact_fields(fields: MutableMapping[str, object]) -> Mapping[str, object]:
    """Replace in place what a log line must not carry; returns the same mapping."""
    for key, value in fields.items():
        if key in CONTENTS:
            fields[key] = "<redacted>"
        elif isinstance(value, str) and ("://" in value):
            fields[key] = redact_url(value)
        elif isinstance(value, BaseException):
            fields[key] = redact_url(f"{type(value).__name__}: {value}")
    return fields
