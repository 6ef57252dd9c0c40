"""Which calls are made (spec, section 7.2, step 8)."""

import re

from hypothesis import given
from hypothesis import strategies as st

from worker import ToolCall
from worker.core.tool_calls import call_id, doubled_ids, selected

names = st.sampled_from(["data", "go", "look"])
calls = st.lists(st.builds(ToolCall, st.sampled_from("12345"), names, st.just({})), max_size=6)


@given(calls, st.integers(-2, 8))
def test_what_is_made_are_the_last_calls_in_their_order(asked: list[ToolCall], most: int) -> None:
    made = selected(asked, most, frozenset())
    assert made == (asked[len(asked) - len(made) :])
    assert len(made) == max(0, min(most, len(asked)))


@given(calls, st.integers(1, 8))
def test_one_navigation_runs_alone(asked: list[ToolCall], most: int) -> None:
    made = selected(asked, most, {"go"})
    assert len(made) <= 1 or all(call.name != "go" for call in made)


def test_a_data_call_beside_a_navigation_is_not_made() -> None:
    data, go = ToolCall("1", "data"), ToolCall("2", "go")
    assert selected([data, go], 2, {"go"}) == [go]


def test_made_up_ids_repeat_with_the_attempt_and_differ_within_a_request() -> None:
    assert call_id("r-1", 1) == call_id("r-1", 1)
    assert len({call_id(r, n) for r in ("r-1", "r-2") for n in range(50)}) == 100
    assert re.fullmatch("call_[0-9a-z]{9}", call_id("r-1", 1))


def test_doubled_ids_are_found() -> None:
    assert doubled_ids([ToolCall("1", "a"), ToolCall("2", "a"), ToolCall("1", "b")]) == ["1"]
