"""JSON as text: what goes out is always valid."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.json_text import dumps, quote

any_text = st.text(st.characters(exclude_categories=()), max_size=30)
#: long texts go another way than short ones
longer_text = st.builds(str.__mul__, any_text, st.integers(1, 10))


@given(longer_text)
def test_a_quoted_text_is_valid_json_in_valid_utf8(text: str) -> None:
    read = json.loads(quote(text).encode())
    assert len(read) == len(text)
    assert read == text.encode("utf-8", "replace").decode()


@given(any_text.filter(bool))
def test_a_character_is_quoted_in_one_way_in_texts_of_any_length(text: str) -> None:
    assert quote(text * 100) == f'"{quote(text)[1:-1] * 100}"'


@given(st.dictionaries(any_text, any_text | st.integers() | st.none(), max_size=4))
def test_any_value_becomes_valid_json(value: dict[str, object]) -> None:
    json.loads(dumps(value).encode())


def test_compact() -> None:
    assert dumps({"a": [1, None, "ä"]}) == '{"a":[1,null,"ä"]}'


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError):
        dumps({"a": object()})
    assert dumps(date(2026, 1, 2)) == '"2026-01-02"'
