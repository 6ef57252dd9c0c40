"""The scripts judge names, ids and shards exactly as the schemas do."""

import pytest
import redis as redis_py
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import names
from tests.helpers.server import Server
from worker.store.script import assemble

HARNESS = """
--#include calls
--#include names
local text, shards = ARGV[1], tonumber(ARGV[2])
local judged = { is_name(text) and 1 or 0, is_request_id(text) and 1 or 0, is_client_id(text) and 1 or 0 }
judged[4] = shard_of(text, shards)
return judged
"""
BLANKS = "\x00\x1f\x20\x7f\x80\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
NEIGHBOURS = "\xa1\u167f\u1681\u1fff\u200b\u2027\u202a\u202e\u2030\u205e\u2060\u2fff\u3001"
texts = st.text(max_size=140) | st.text(alphabet="aZ0_.:-*?[]{}\\^é" + BLANKS + NEIGHBOURS, max_size=8)
shards = st.integers(min_value=1, max_value=16384)


class Judge:
    """Asks the server."""

    def __init__(self, server: Server) -> None:
        self._client = redis_py.Redis.from_url(server.url)
        self._judge = self._client.register_script(assemble(HARNESS))

    def __call__(self, text: bytes, shards: int = 1) -> list[int]:
        return self._judge(args=[text, shards])

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def judge(shared_server: Server) -> Judge:
    """Hand out the includes of the scripts as a function."""
    judge = Judge(shared_server)
    yield judge
    judge.close()


@given(text=texts, shards=shards)
@example(text="alice", shards=16)
@example(text="x" * 128, shards=1)
@example(text="x" * 129, shards=1)
@example(text="é" * 128, shards=1)
@example(text="\U0001f600" * 128, shards=1)
@example(text="\U0001f600" * 129, shards=1)
def test_lua_and_python_judge_alike(judge: Judge, text: str, shards: int) -> None:
    expected = [names.is_name(text), names.is_request_id(text), names.is_client_id(text)]
    assert judge(text.encode(), shards) == [*map(int, expected), names.shard_of(text, shards)]


@pytest.mark.parametrize("character", BLANKS + "*?[]{}\\^")
def test_a_character_that_is_forbidden_is_forbidden_everywhere(judge: Judge, character: str) -> None:
    assert {judge(text.encode())[2] for text in (character, f"a{character}", f"{character}a", f"é{character}")} == {0}


@pytest.mark.parametrize("character", NEIGHBOURS)
def test_its_neighbours_are_allowed(judge: Judge, character: str) -> None:
    assert judge(character.encode())[2] == 1


@given(raw=st.binary(min_size=1, max_size=12))
@example(raw=b"\xed\xa0\x80")
@example(raw=b"\xc0\xaf")
@example(raw=b"\xf4\x90\x80\x80")
def test_what_is_not_utf8_is_no_client_id(judge: Judge, raw: bytes) -> None:
    try:
        expected = names.is_client_id(raw.decode())
    except UnicodeDecodeError:
        expected = False
    assert judge(raw)[2] == int(expected)
