"""Dead letters: the original fields survive, whatever bytes they are, and can be sent again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letters import DeadLetter, DeadReason, from_dead_fields, redrive_fields, redrive_id, to_dead_fields
from schemas.errors import BadItem
from schemas.names import is_request_id
from schemas.wire import from_fields
from tests.golden.examples import DEAD_LETTER

LETTERS = st.builds(
    DeadLetter,
    reason=st.sampled_from(DeadReason),
    error=st.text(alphabet=st.characters(codec="utf-8")),
    attempts=st.integers(0, 99),
    at_ms=st.integers(0, 2**53),
    original=st.dictionaries(st.binary(), st.binary()),
)


@given(LETTERS)
def test_a_dead_letter_survives_the_stream(letter: DeadLetter) -> None:
    assert from_dead_fields(to_dead_fields(letter)) == letter


def test_a_redriven_request_has_a_new_id_and_names_the_old_one() -> None:
    fields = redrive_fields(DEAD_LETTER, 2)
    assert fields[b"orig.requestId"] == b"r-1"
    request = from_fields(fields)
    assert request.request_id == "r-1.r2"
    assert (request.client_id, request.kind) == ("alice", "connect")


@given(st.from_regex(r"[A-Za-z0-9_.:-]{1,128}", fullmatch=True), st.integers(1, 10**9))
def test_the_id_of_a_redrive_is_always_a_request_id(request_id: str, n: int) -> None:
    assert is_request_id(redrive_id(request_id, n))
    assert redrive_id(request_id, n).startswith(request_id[:100])


@pytest.mark.parametrize("broken", [{b"reason": b"boredom"}, {b"atMs": b"soon"}, {b"attempts": b"x"}])
def test_a_broken_dead_letter_is_an_error(broken: dict[bytes, bytes]) -> None:
    with pytest.raises(BadItem):
        from_dead_fields(to_dead_fields(DEAD_LETTER) | broken)


def test_a_dead_letter_without_reason_is_an_error() -> None:
    with pytest.raises(BadItem):
        from_dead_fields({b"atMs": b"1"})
