"""Each role of deploy/acl may do its work and nothing else: every command on every kind of key, by a real server."""

import pytest

from schemas.keyspace import ARQ_PREFIXES, ShardKeys, arq_queue, meta_key
from tests.helpers.roles import ROLES, Roles
from worker.store.link import Link
from worker.store.permissions import ON_CHANNELS, ON_KEYS, housekeeping_needs, refused, worker_needs

KEYS = ShardKeys("swarmline", 3)
SID = "support:alice"

#: what each role may call on which key, beyond what the worker's own table says for the worker
EXPECTED = {
    "producer": {
        "meta_key": "HMGET",
        "requests_key": "XADD",
        "session_key": "HMGET",
        "result_key": "GET MGET",
        "outbox_key": "XRANGE XREVRANGE",
    },
    "observer": {
        "meta_key": "HGET HMGET",
        "swarms_key": "HGET HMGET HKEYS",
        "cursor_key": "HGET HMGET",
        "session_key": "HGET HMGET",
        "requests_key": "EXISTS XLEN XRANGE XINFO|GROUPS",
        "dead_key": "XLEN XINFO|STREAM",
        "events_key": "XLEN XINFO|STREAM",
        "ready_key": "LLEN LINDEX LRANGE",
        "suspects_key": "LLEN LINDEX LRANGE",
        "mailbox_key": "LLEN LINDEX",
        "delayed_key": "ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREVRANGE ZSCORE",
        "sessions_key": "ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREVRANGE ZSCORE",
        "workers_key": "ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREVRANGE ZSCORE",
        "held_key": "SCARD SMEMBERS SSCAN",
        "bans_key": "SCARD SMEMBERS SSCAN",
        "sampler_key": "SET GET DEL",
    },
}
#: every command that anybody calls on a key
COMMANDS = {command for table in (ON_KEYS, *EXPECTED.values()) for line in table.values() for command in line.split()}

#: what touches more than the namespace, or everybody at once
OF_THE_SERVER = (
    "FLUSHALL", "FLUSHDB", "KEYS *", "CLUSTER RESET", "FAILOVER", "MIGRATE h 1 k 0 1",
    "CONFIG GET *", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "DEBUG SLEEP 1", "SHUTDOWN",
    "ACL LIST", "ACL SETUSER x", "ACL GETUSER worker", "CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1000",
    "CLIENT NO-EVICT on", "MONITOR", "LATENCY RESET", "SWAPDB 0 1",
    "REPLICAOF NO ONE", "SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION LOAD x", "FUNCTION FLUSH",
    "SAVE", "BGREWRITEAOF", "MODULE LIST", "SLOWLOG GET",
)  # fmt: skip
#: keys and channels of others
ABROAD = (
    "GET secrets", "SET secrets 1", "HGETALL other:meta", "XADD other:{0}:requests * a 1", "DEL swarmliner:meta",
    "LPUSH swarmline2:{0}:ready x", "GET arq:queue", "PUBLISH news x", "PUBLISH other:{0}:client:a x", "SUBSCRIBE news",
    "PSUBSCRIBE *", "PSUBSCRIBE other:{*}:bus:*",
)  # fmt: skip


def call(attribute: str, command: str) -> list[str]:
    """Return a whole call of a command on a key, in the form in which Redis finds the key."""
    key = meta_key("swarmline") if attribute == "meta_key" else getattr(KEYS, attribute.removesuffix("_key"))
    key = key if isinstance(key, str) else key(SID)
    forms = {
        "XREADGROUP": ["XREADGROUP", "GROUP", "g", "c", "STREAMS", key, ">"],
        "SET": ["SET", key, "v", "NX", "GET"],
    }
    return forms.get(command, [*command.split("|"), key])


@pytest.mark.parametrize("attribute", ON_KEYS)
@pytest.mark.parametrize("role", EXPECTED)
def test_a_reading_or_sending_role_may_do_what_it_needs_and_no_more(roles: Roles, role: str, attribute: str) -> None:
    allowed = {command for command in COMMANDS if roles.may(role, *call(attribute, command))}
    assert allowed == set(EXPECTED[role].get(attribute, "").split())


@pytest.mark.parametrize("role", ["worker", "admin"])
def test_a_worker_and_an_admin_may_do_all_that_a_turn_needs(roles: Roles, role: str) -> None:
    refused = [
        f"{command} {attribute}"
        for attribute, commands in ON_KEYS.items()
        for command in commands.split()
        # moving a key by its bytes is the work of a script, not of a person
        if not (role == "admin" and command == "RESTORE") and not roles.may(role, *call(attribute, command))
    ]
    assert refused == []


async def test_a_worker_may_call_every_line_of_its_table(roles: Roles) -> None:
    link = Link(roles.url("worker"))
    assert await refused(link, [*worker_needs(KEYS), *housekeeping_needs("swarmline")]) == []
    await link.close()


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reaches_beyond_the_namespace(roles: Roles, role: str) -> None:
    assert [command for command in (*OF_THE_SERVER, *ABROAD) if roles.may(role, *command.split())] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_ask_a_cluster_for_its_nodes(roles: Roles, role: str) -> None:
    assert roles.may(role, "CLUSTER", "SLOTS")


@pytest.mark.parametrize("role", ["producer", "observer"])
@pytest.mark.parametrize("command", ["EVAL return 0", "EVALSHA 0 0", "SCAN 0", "SCRIPT LOAD x", "FCALL f 0"])
def test_who_only_sends_or_looks_runs_no_scripts_and_finds_no_keys(roles: Roles, role: str, command: str) -> None:
    assert not roles.may(role, *command.split())


def test_channels_are_for_those_who_are_meant(roles: Roles) -> None:
    channels = {attribute: getattr(KEYS, attribute)("support:alice") for attribute in ON_CHANNELS}
    publishing = {
        (role, name) for role in ROLES for name, ch in channels.items() if roles.may(role, "PUBLISH", ch, "x")
    }
    assert publishing == {(role, name) for role in ("worker", "admin") for name in channels}
    listening = {(role, name) for role in ROLES for name, ch in channels.items() if roles.may(role, "SUBSCRIBE", ch)}
    own = {("producer", name) for name in channels if name != "worker_channel"}
    assert listening == own | {(role, name) for role in ("worker", "admin") for name in channels}
    patterns = {role for role in ROLES if roles.may(role, "PSUBSCRIBE", "swarmline:{*}:bus:*")}
    assert patterns == {"producer", "admin"}


def test_a_producer_may_hand_jobs_to_arq_and_not_take_them(roles: Roles) -> None:
    job, queue = ARQ_PREFIXES["job"] + "later:r-1", arq_queue("swarmline")
    assert roles.may("producer", "PSETEX", job, "1000", "{}")
    assert roles.may("producer", "ZADD", queue, "1", "later:r-1")
    for words in (("GET", job), ("DEL", job), ("ZREM", queue, "x"), ("ZRANGEBYSCORE", queue, "0", "1"), ("DEL", queue)):
        assert not roles.may("producer", *words)
    assert not any(
        roles.may("observer", *words) for words in (("GET", job), ("ZCARD", queue), ("ZADD", queue, "1", "x"))
    )
