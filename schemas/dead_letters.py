"""Dead letters: entries that were given up, with the reason and everything needed to send them again."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from schemas.errors import BadItem
from schemas.model import WireModel

ORIGINAL_PREFIX: Final = "orig."
_PREFIX: Final = ORIGINAL_PREFIX.encode()
_ID_KEPT: Final = 100


class DeadReason(StrEnum):
    """Why an entry was given up."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    BAD_NAME = "bad_name"
    BAD_SHARD = "bad_shard"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_SWARM = "unknown_swarm"
    BAD_REQUEST = "bad_request"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    AGENT_ERROR = "agent_error"


class DeadLetter(WireModel):
    """An entry of the dead stream; `original` has the fields as they came, which may be any bytes."""

    reason: DeadReason
    error: str
    attempts: int
    at_ms: int
    original: dict[bytes, bytes]


def to_dead_fields(letter: DeadLetter) -> dict[bytes, bytes]:
    """Return the stream fields of a dead letter."""
    fields = {
        b"reason": letter.reason.encode(),
        b"error": letter.error.encode(),
        b"attempts": b"%d" % letter.attempts,
        b"atMs": b"%d" % letter.at_ms,
    }
    fields.update((_PREFIX + key, value) for key, value in letter.original.items())
    return fields


def from_dead_fields(fields: Mapping[bytes, bytes]) -> DeadLetter:
    """Return the dead letter that an entry holds; raise BadItem if it is none of this version."""
    try:
        return DeadLetter(
            reason=DeadReason(fields[b"reason"].decode()),
            error=fields.get(b"error", b"").decode(errors="replace"),
            attempts=int(fields.get(b"attempts", b"0")),
            at_ms=int(fields[b"atMs"]),
            original={key.removeprefix(_PREFIX): value for key, value in fields.items() if key.startswith(_PREFIX)},
        )
    except (KeyError, ValueError) as fault:
        raise BadItem(f"not a dead letter of version 1: {fault}") from None


def redrive_id(request_id: str, n: int) -> str:
    """Return the request id of the n-th redrive (from 1): the old id is spent, its reply may still be kept."""
    return f"{request_id[:_ID_KEPT]}.r{n}"


def redrive_fields(letter: DeadLetter, n: int) -> dict[bytes, bytes]:
    """Return the fields to XADD for the n-th redrive of a dead letter: the original ones under a new request id."""
    old_id = letter.original.get(b"requestId", b"")
    new_id = redrive_id(old_id.decode(errors="replace"), n)
    return letter.original | {b"requestId": new_id.encode(), _PREFIX + b"requestId": old_id}
