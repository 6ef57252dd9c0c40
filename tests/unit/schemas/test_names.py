"""Names, ids and shards as the protocol page fixes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.keyspace import ShardKeys
from schemas.names import is_client_id, is_name, is_namespace, is_reply_to, is_request_id, shard_of

FORBIDDEN = "*?[]{}\\^" + "".join(
    chr(code)
    for code in (
        *range(0x21),
        *range(0x7F, 0xA1),
        0x1680,
        *range(0x2000, 0x200B),
        0x2028,
        0x2029,
        0x202F,
        0x205F,
        0x3000,
        0xD800,
        0xDFFF,
    )
)
VECTORS = {"alice": 7, "клиент-7": 2, "c0": 7, "c1": 1, "c2": 11, "c3": 13}


@pytest.mark.parametrize(("client_id", "shard"), VECTORS.items())
def test_the_shard_of_a_client_is_that_of_the_protocol_page(client_id: str, shard: int) -> None:
    assert shard_of(client_id, 16) == shard


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1), st.integers(1, 64))
def test_every_client_has_a_shard_within_range(client_id: str, shards: int) -> None:
    assert 0 <= shard_of(client_id, shards) < shards


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "x" * 64])
def test_a_name_of_plain_characters_is_allowed(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a:b", "é", "a\n", "a/b"])
def test_a_name_with_anything_else_is_not_allowed(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(("request_id", "allowed"), [("r-1:a.b_C", True), ("x" * 128, True), ("x" * 129, False)])
def test_a_request_id_has_up_to_128_plain_characters(request_id: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_request_id(request_id) is allowed


@pytest.mark.parametrize("request_id", ["", "a b", "a\n", "ключ", "a*"])
def test_a_request_id_with_anything_else_is_not_allowed(request_id: str) -> None:
    assert not is_request_id(request_id)


@given(st.text(alphabet=st.characters(exclude_characters=FORBIDDEN, codec="utf-8"), min_size=1, max_size=128))
def test_a_client_id_may_have_any_script(client_id: str) -> None:
    assert is_client_id(client_id)


@pytest.mark.parametrize("character", FORBIDDEN, ids=lambda character: f"U+{ord(character):04X}")
def test_a_client_id_has_no_blank_no_glob_and_no_brace(character: str) -> None:
    assert not is_client_id(f"ali{character}ce")


def test_the_length_of_a_client_id_counts_code_points() -> None:
    assert is_client_id("я" * 128)
    assert is_client_id("😀" * 128)
    assert not is_client_id("a" * 129)
    assert not is_client_id("")


@pytest.mark.parametrize("namespace", ["swarmline", "prod:eu-1"])
def test_a_namespace_has_no_braces(namespace: str) -> None:
    assert is_namespace(namespace)
    assert not is_namespace(namespace + "{1}")


@pytest.mark.parametrize(
    ("channel", "allowed"),
    [
        ("ns:{3}:reply:7f3a-91", True),
        ("ns:{3}:reply:" + "x" * 243, True),
        ("ns:{3}:reply:" + "x" * 244, False),
        ("ns:{2}:reply:7f3a", False),
        ("other:{3}:reply:7f3a", False),
        ("ns:{3}:client:support:alice", False),
        ("ns:{3}:reply:a b", False),
        ("ns:{3}:reply:a\n", False),
        ("", False),
    ],
)
def test_a_reply_goes_only_to_a_reply_channel_of_its_own_shard(channel: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_reply_to(channel, ShardKeys("ns", 3)) is allowed
