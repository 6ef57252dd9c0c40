"""The spelling of keys and channels."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.keyspace import (
    NAMED_PREFIXES,
    SHARD_NAMES,
    ShardKeys,
    bus_pattern,
    is_bus_channel,
    lua_prelude,
    meta_key,
    sid_of,
    split_sid,
)

KEYS = ShardKeys("ns", 7)


def test_the_names_of_the_protocol_page_are_spelled_as_there() -> None:
    assert KEYS.requests == "ns:{7}:requests"
    assert KEYS.result("r-1") == "ns:{7}:result:r-1"
    assert KEYS.client_channel("support:alice") == "ns:{7}:client:support:alice"
    assert KEYS.outbox("support:alice") == "ns:{7}:outbox:support:alice"
    assert KEYS.bus_channel("alice") == "ns:{7}:bus:alice"
    assert KEYS.reply_channel("x") == "ns:{7}:reply:x"
    assert (KEYS.dead, KEYS.events) == ("ns:{7}:dead", "ns:{7}:events")
    assert meta_key("ns") == "ns:meta"
    assert bus_pattern("ns") == "ns:{*}:bus:*"


def test_every_name_of_a_shard_is_different_and_carries_its_tag() -> None:
    plain = [getattr(KEYS, attribute.removesuffix("_key")) for attribute in SHARD_NAMES]
    named: list[Callable[[str], str]] = [getattr(KEYS, attribute.removesuffix("_key")) for attribute in NAMED_PREFIXES]
    spelled = plain + [method("x") for method in named]
    assert len(set(spelled)) == len(spelled)
    assert all(name.startswith("ns:{7}:") for name in spelled)


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True), st.text(min_size=1))
def test_a_session_id_splits_back(swarm_name: str, client_id: str) -> None:
    assert split_sid(sid_of(swarm_name, client_id)) == (swarm_name, client_id)


@pytest.mark.parametrize(
    ("channel", "ours"),
    [
        ("ns:{0}:bus:alice", True),
        ("ns:{12}:bus:a:bus:b", True),
        ("ns:{x}:bus:alice", False),
        ("ns:{}:bus:alice", False),
        ("ns:{0}:bus:", False),
        ("other:{0}:bus:alice", False),
        ("ns:{0}:client:x}:bus:alice", False),
    ],
)
def test_foreign_channels_that_match_the_pattern_are_told_apart(channel: str, ours: bool) -> None:  # noqa: FBT001
    assert is_bus_channel("ns", channel) is ours


def test_lua_gets_the_same_prefixes() -> None:
    assert "local result_key_prefix = base .. 'result:'" in lua_prelude().splitlines()
