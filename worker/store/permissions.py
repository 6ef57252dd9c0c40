"""What a Redis user must be allowed to do: each command that a role calls, with its keys and channels.

A permission that is missing shows only when a script comes to that line, and Lua does not roll back what it wrote until
then. So all of them are asked for at start, with the same rules by which Redis decides later.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.keyspace import ARQ_PREFIXES, NAMED_PREFIXES, SHARD_NAMES, ShardKeys, arq_queue, meta_key
from worker.store.link import Link
from worker.store.script import load

#: a name that no session, worker or request has: `~` can't begin any of them
NOBODY = "~"
SHOWN_COMMANDS = 3

#: commands of a worker without key or channel
PLAIN = ("PING", "EVAL", "EVALSHA", "TIME", "INFO", "SCAN")

#: key of `schemas.keyspace` -> the commands that a worker calls on it, its scripts and its housekeeping
ON_KEYS = {
    "meta_key": "HSETNX HMGET HGET",
    "requests_key": "XADD XGROUP|CREATE XGROUP|SETID XREADGROUP XINFO|STREAM XINFO|GROUPS XTRIM XLEN XRANGE EXISTS",
    "bell_key": "XADD XGROUP|CREATE XREADGROUP XINFO|STREAM XLEN",
    "ready_key": "LPUSH RPUSH LPOP LLEN LINDEX",
    "suspects_key": "LPUSH RPUSH LPOP LLEN LINDEX",
    "delayed_key": "ZADD ZREM ZRANGEBYSCORE ZSCORE ZCARD",
    "sessions_key": "ZADD ZREM ZRANGEBYSCORE ZCARD ZSCORE",
    "workers_key": "ZADD ZREM ZRANGE ZRANGEBYSCORE ZREVRANGE ZSCORE ZCARD ZCOUNT",
    "swarms_key": "HGET HSET",
    "cursor_key": "HMGET HGET HSET HINCRBY",
    "dead_key": "XADD XLEN XREVRANGE XDEL",
    "events_key": "XADD XLEN XINFO|STREAM",
    "bans_key": "SADD SREM SCARD",
    "held_key": "SADD SREM SCARD SMEMBERS SISMEMBER DEL",
    "ops_key": "HMGET HGET HSET HDEL DEL PEXPIRE",
    "session_key": "HMGET HGET HSET HINCRBY HDEL DEL PERSIST PEXPIRE",
    "mailbox_key": "EXISTS LRANGE LINDEX LLEN RPUSH LPOP DEL",
    "control_key": "EXISTS LRANGE LLEN RPUSH LPOP DEL",
    "history_key": "GET SET LRANGE LLEN RPUSH LTRIM DEL PERSIST PEXPIRE PEXPIREAT",
    "outbox_key": "XADD XLEN DUMP RESTORE DEL PERSIST PEXPIRE XRANGE",
    "journal_key": "HLEN HGETALL HKEYS HSET HDEL DEL",
    "banned_key": "SMEMBERS SCARD SADD SREM",
    "result_key": "SET DEL",
    "shared_key": "HMGET HSET",
    "applied_key": "HGET HSET PEXPIRE",
    "sampler_key": "SET GET DEL",
}

ON_CHANNELS = {
    "client_channel": "PUBLISH",
    "bus_channel": "PUBLISH",
    "reply_channel": "PUBLISH",
    "worker_channel": "PUBLISH SUBSCRIBE",
}

#: commands of arq without a key
ARQ_PLAIN = ("PING", "TIME", "INFO", "DBSIZE", "MULTI", "EXEC", "UNWATCH", "EVAL", "EVALSHA")

#: name in `ARQ_PREFIXES`, or `queue` -> the commands that arq calls
ARQ_ON_KEYS = {
    "job": "EXISTS GET PSETEX WATCH DEL",
    "under_way": "EXISTS WATCH PSETEX PEXPIRE DEL",
    "tries": "INCRBY EXPIRE DEL",
    "outcome": "EXISTS PSETEX",
    "aborted": "ZREM",
    "queue": "ZADD ZREM ZINCRBY ZSCORE ZCARD ZRANGEBYSCORE",
    "health": "PSETEX DEL",
}

#: where the key stands in a call of `CALLS`
NAME = "<name>"

#: calls whose key is not their first argument, or whose rights depend on an option
CALLS = {
    "XREADGROUP": ("XREADGROUP", "GROUP", "g", "c", "STREAMS", NAME, ">"),
    "SET": ("SET", NAME, "v", "NX", "GET"),
}

#: Redis looks for the keys of a call that is asked for alone, and trusts it to be complete: SET can't be asked for so
ALONE = {"EVAL": ("EVAL", "", "0"), "EVALSHA": ("EVALSHA", "", "0")}


@dataclass(frozen=True, slots=True)
class Need:
    """One call that must be allowed, and what to grant if it is not: `+command`, `~key` or `&channel`."""

    call: Sequence[str]
    right: str


def worker_needs(keys: ShardKeys) -> Iterator[Need]:
    """Yield all that a worker may ever call in one shard, commands first."""
    yield from _alone({*PLAIN, *_listed(ON_KEYS), *_listed(ON_CHANNELS)})
    for attribute, commands in ON_KEYS.items():
        yield from _on(commands, "~", _name(attribute, keys))
    for attribute, commands in ON_CHANNELS.items():
        yield from _on(commands, "&", _name(attribute, keys))


def housekeeping_needs(namespace: str) -> Iterator[Need]:
    """Yield all that arq may ever call for this namespace, on its own Redis if it has one."""
    queue = arq_queue(namespace)
    names = {name: prefix + NOBODY for name, prefix in ARQ_PREFIXES.items()}
    names |= {"aborted": ARQ_PREFIXES["aborted"], "queue": queue, "health": f"{queue}:health-check"}
    yield from _alone({*ARQ_PLAIN, *_listed(ARQ_ON_KEYS)})
    for name, commands in ARQ_ON_KEYS.items():
        yield from _on(commands, "~", names[name])


async def refused(link: Link, needs: Iterable[Need]) -> list[str]:
    """Return the rights that the user of this connection lacks; raises QueueUnavailable.

    Keys and channels are named only where the command itself is granted.
    """
    asked = list(needs)
    words: list[str | int] = []
    for need in asked:
        words += (len(need.call), *need.call)
    answer = await link.call(load("dry_run"), len(asked), *words)
    missing = [need for need, no in zip(asked, answer, strict=True) if no]
    commands = {need.right for need in missing if need.right.startswith("+")}
    names: dict[str, list[str]] = {}
    for need in missing:
        command = _spelled(need.call)
        if need.right not in commands and f"+{command}" not in commands:
            names.setdefault(need.right, []).append(command)
    return [*sorted(commands), *(f"{right} ({_shortened(lacking)})" for right, lacking in names.items())]


def _alone(names: Iterable[str]) -> Iterator[Need]:
    for name in sorted({*names} - {"SET"}):
        yield Need(ALONE.get(name, name.split("|")), f"+{name.lower()}")


def _on(commands: str, sigil: str, name: str) -> Iterator[Need]:
    for command in commands.split():
        call = CALLS.get(command, (*command.split("|"), NAME))
        yield Need([name if word is NAME else word for word in call], sigil + name)


def _name(attribute: str, keys: ShardKeys) -> str:
    if attribute == "meta_key":
        return meta_key(keys.namespace)
    if attribute in SHARD_NAMES:
        return keys.base + SHARD_NAMES[attribute]
    return keys.base + NAMED_PREFIXES[attribute] + NOBODY


def _listed(table: dict[str, str]) -> set[str]:
    return {command for commands in table.values() for command in commands.split()}


def _spelled(call: Sequence[str]) -> str:
    joined = "|".join(call[:2]).lower()
    return joined if joined.startswith(("xgroup|", "xinfo|")) else call[0].lower()


def _shortened(commands: Sequence[str]) -> str:
    return ", ".join(commands) if len(commands) <= SHOWN_COMMANDS else f"{len(commands)} commands"
