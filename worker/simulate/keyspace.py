"""When all is at rest, every key in the server has a name, a type and a life that the keyspace knows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, cast

import redis

from schemas.keyspace import NAMED_PREFIXES, SHARD_NAMES, split_sid

#: attribute of `schemas.keyspace` -> type of the key
TYPES = {
    "swarms_key": "hash",
    "cursor_key": "hash",
    "requests_key": "stream",
    "bell_key": "stream",
    "ready_key": "list",
    "delayed_key": "zset",
    "sessions_key": "zset",
    "workers_key": "zset",
    "suspects_key": "list",
    "bans_key": "set",
    "dead_key": "stream",
    "events_key": "stream",
    "sampler_key": "string",
    "held_key": "set",
    "ops_key": "hash",
    "session_key": "hash",
    "mailbox_key": "list",
    "control_key": "list",
    "history_key": "list or string",
    "journal_key": "hash",
    "outbox_key": "stream",
    "banned_key": "set",
    "result_key": "string",
    "shared_key": "hash",
    "applied_key": "hash",
}
EXPIRING = {"ops_key", "applied_key", "sampler_key"}
#: these belong to a session: no session hash, no such key; and they expire only while the session is idle, or while the
#: worker holds it that claimed it as it left idle, see worker/store/lua/includes/backstop.lua
OF_SESSION = {"session_key", "mailbox_key", "control_key", "history_key", "journal_key", "outbox_key"}
EXPIRING_WHEN_IDLE = {"session_key", "history_key", "journal_key", "outbox_key"}
HELD = (b"held", b"disposing")
#: answer of PTTL for a key that is not there
GONE = -2
UNDER_WAY = b'"status":"accepted"'

SHARD_KEY = re.compile(r"(?P<base>[^{}]+:\{\d+\}:)(?P<rest>.+)", re.DOTALL)
META = re.compile(r"[A-Za-z0-9_.-]+:meta")
ALLOWED = re.compile(r"arq:.*|[^{}]+:arq(:health-check)?", re.DOTALL)


class Inspector(Protocol):
    """A blocking client that answers in bytes, with types: redis-py's own leave every answer unknown."""

    def scan_iter(self, match: str | None = None, count: int | None = None) -> Iterator[bytes]:
        """Yield all keys."""
        ...

    def type(self, name: str) -> bytes:
        """Return the type of a key."""
        ...

    def exists(self, name: str) -> int:
        """Tell whether there is such a key."""
        ...

    def pttl(self, name: str) -> int:
        """Return what is left of a key's life in ms, below 0 if it has none."""
        ...

    def get(self, name: str) -> bytes | None:
        """Return a string."""
        ...

    def hget(self, name: str, key: str) -> bytes | None:
        """Return a field of a hash."""
        ...

    def lrange(self, name: str, start: int, end: int) -> Sequence[bytes]:
        """Return entries of a list."""
        ...

    def zrange(self, name: str, start: int, end: int) -> Sequence[bytes]:
        """Return members of a sorted set."""
        ...

    def zcount(self, name: str, min: str | float, max: str | float) -> int:  # noqa: A002 - as redis-py names them
        """Return how many members of a sorted set have a score in this range."""
        ...

    def info(self, section: str) -> Mapping[str, int]:
        """Return a section of INFO."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def inspector(url: str) -> Inspector:
    """Return a client of the server at `url`."""
    return cast("Inspector", redis.Redis.from_url(url))  # pyright: ignore[reportUnknownMemberType]


def faults(client: Inspector) -> list[str]:
    """Return one sentence for each key that breaks the keyspace; an empty list is what is wanted."""
    keys = sorted(key.decode(errors="replace") for key in client.scan_iter(count=1000))
    return [fault for key in keys if not ALLOWED.fullmatch(key) for fault in _faults_of(client, key)]


def _faults_of(client: Inspector, key: str) -> Iterator[str]:
    if META.fullmatch(key):
        return
    match = SHARD_KEY.fullmatch(key)
    attribute, name = _attribute_of(match["rest"]) if match else (None, "")
    if match is None or attribute is None:
        yield f"{key}: no such name in schemas/keyspace.py"
        return
    found = client.type(key).decode()
    if found not in (*TYPES[attribute].split(" or "), "none"):
        yield f"{key}: a {found}, not a {TYPES[attribute]}"
        return
    yield from _life_faults(client, key, attribute, f"{match['base']}{NAMED_PREFIXES['session_key']}{name}")


def _attribute_of(rest: str) -> tuple[str | None, str]:
    for attribute, name in SHARD_NAMES.items():
        if rest == name:
            return attribute, ""
    for attribute, prefix in NAMED_PREFIXES.items():
        if attribute.endswith("_key") and rest.startswith(prefix):
            return attribute, rest.removeprefix(prefix)
    return None, ""


def _life_faults(client: Inspector, key: str, attribute: str, session_key: str) -> Iterator[str]:
    remaining_ms = client.pttl(key)
    if remaining_ms == GONE:  # it expired since the scan
        return
    expires = remaining_ms >= 0
    if attribute == "result_key":
        wanted = UNDER_WAY not in (client.get(key) or b"").replace(b" ", b"")
    elif attribute in OF_SESSION:
        status = client.hget(session_key, "status")
        if status is None:
            yield f"{key}: left behind, its session {split_sid(session_key)[1]!r} is gone"
            return
        is_live = status in HELD and bool(client.hget(session_key, "expires"))
        wanted = attribute in EXPIRING_WHEN_IDLE and (status == b"idle" or is_live)
    else:
        wanted = attribute in EXPIRING
    if expires != wanted:
        yield f"{key}: {'expires' if expires else 'never expires'}, against its life in docs/architecture.md"
