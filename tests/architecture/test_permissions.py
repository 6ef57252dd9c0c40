"""The table of permissions is whole: no script calls a command that a worker does not ask for at its start."""

import re

import pytest

from schemas.keyspace import NAMED_PREFIXES, SHARD_NAMES, ShardKeys
from tests.architecture.test_lua_headers import SCRIPTS
from tests.helpers.roles import FILES
from worker.store.permissions import ON_CHANNELS, ON_KEYS, PLAIN, housekeeping_needs, worker_needs
from worker.store.script import load

CALL = re.compile(r"\b(?:call|try|read|call_in_chunks|has_type)\('([A-Z]+)'(?:, '([A-Z]+)')?")
CHOICE = re.compile(r"and '([A-Z]+)' or '([A-Z]+)'")
CONTAINERS = {"XGROUP", "XINFO"}
GRANTED = {command for table in (ON_KEYS, ON_CHANNELS) for commands in table.values() for command in commands.split()}


def commands_of(source: str) -> set[str]:
    """Return the commands that a script calls, with their subcommands, and those that it chooses between."""
    called = {f"{name}|{sub}" if name in CONTAINERS else name for name, sub in CALL.findall(source)}
    return called | {name for choice in CHOICE.findall(source) for name in choice}


@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_what_a_script_calls_is_asked_for_at_the_start(name: str) -> None:
    assert commands_of(load(name).source) <= GRANTED | set(PLAIN)


def test_the_search_finds_the_commands() -> None:
    found = commands_of(load("commit").source) | commands_of(load("admit_and_claim").source)
    assert {"SADD", "SREM", "LPUSH", "RPUSH", "XGROUP|CREATE", "XINFO|STREAM", "RESTORE", "DUMP", "PUBLISH"} <= found


def test_every_key_and_channel_has_its_commands() -> None:
    assert set(ON_KEYS) | set(ON_CHANNELS) == {*SHARD_NAMES, *NAMED_PREFIXES, "meta_key"}


def test_the_rule_for_workers_grants_what_they_ask_for_and_nothing_else() -> None:
    granted = {word for word in (FILES / "worker.acl").read_text().split() if word.startswith("+")}
    needs = (*worker_needs(ShardKeys("swarmline", 0)), *housekeeping_needs("swarmline"))
    used = {need.right for need in needs if need.right.startswith("+")}
    needed = used | {"+set", "+select", "+cluster|slots"}  # the last one on a Redis Cluster only
    assert granted == needed, "deploy/acl/worker.acl does not match worker/store/permissions.py"
