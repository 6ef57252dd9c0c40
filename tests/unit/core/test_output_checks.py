"""What may be said, and how it is cleaned (spec, section 7.7; decision D14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.output_checks import clean, fault_of


@pytest.mark.parametrize(
    "text",
    [
        "Hi!",
        "Use {braces} as you like",
        '{"answer": 42}',
        'Here is JSON:\n```json\n{"price": 5, "name": "tea"}\n```',
        "a < b and c > d",
        '{"name": "tea", "price": 5}',
        "{not json at all}",
    ],
)
def test_answers_that_are_fine(text: str) -> None:
    assert fault_of(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty output"),
        (" \n\t ", "empty output"),
        ('{"name": "order_status", "arguments": {"order_id": 42}}', "tool call written as JSON"),
        ('  {"function": "f", "parameters": {}} ', "tool call written as JSON"),
        ('Sure:\n```json\n{"name": "f", "arguments": {}}\n```', "tool call written as JSON"),
        ('{"tool_calls": []}', "tool call written as JSON"),
        ('<tool_call>{"name":"f"}', "tool call written as XML"),
        ("<toolcall>f</toolcall>", "tool call written as XML"),
        ('<tool name="f"/>', "tool call written as XML"),
    ],
)
def test_answers_that_are_refused(text: str, fault: str) -> None:
    assert fault_of(text) == fault


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  hi  ", "hi"),
        ("<think>hm\nhm</think>Yes.", "Yes."),
        ("one\n\n\n \ntwo", "one\ntwo"),
        ("a < b", "a < b"),
        ("<br> stays", "<br> stays"),
        ("kept\nlines", "kept\nlines"),
    ],
)
def test_cleaning(raw: str, text: str) -> None:
    assert clean(raw) == text


@given(st.text(alphabet='<>/ab \n{}"', max_size=40))
def test_cleaning_what_is_clean_changes_nothing_outside_of_elements(raw: str) -> None:
    once = clean(raw)
    assert once == once.strip()
    assert "\n\n" not in once


@given(st.text(max_size=60))
def test_a_check_never_raises(raw: str) -> None:
    assert fault_of(raw) is None or fault_of(raw)
