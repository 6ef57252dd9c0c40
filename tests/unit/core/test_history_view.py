"""What a model sees of a history (spec, section 8)."""

import json
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from worker import Message, ToolCall
from worker.core.history import LazyView, left_out, message_json, message_of, record_of, shown, text_record, view
from worker.core.json_text import quote

ROLES = ("user", "assistant", "system", "developer", "tool", "resque", "flush")
names = st.sampled_from(["a", "b"])
ids = st.sampled_from(["1", "2", "3"])
arguments = st.dictionaries(st.sampled_from(["x", "y"]), st.integers(), max_size=1)
calls = st.lists(st.builds(ToolCall, ids, names, arguments), max_size=2).map(tuple)
messages = st.builds(
    Message,
    role=st.sampled_from(ROLES),
    content=st.sampled_from(["", "x", "y z", "ä"]),
    agent_name=names,
    mode=st.sampled_from(["user", "tool"]),
    tool_calls=calls,
    tool_call_id=ids,
    payload=st.none(),
).map(lambda message: message if message.role == "assistant" else message._replace(tool_calls=()))
histories = st.lists(messages, max_size=30)


@given(histories, names, st.integers(0, 20))
def test_never_more_than_keep_messages_besides_system(records: list[Message], agent: str, keep: int) -> None:
    assert sum(m.role != "system" for m in view(records, agent, keep)) <= keep


@given(histories, names)
def test_every_tool_call_has_its_output_and_the_other_way_round(records: list[Message], agent: str) -> None:
    seen = view(records, agent, 15)
    assert {c.id for m in seen for c in m.tool_calls} == {m.tool_call_id for m in seen if m.role == "tool"}


@given(histories, names)
def test_calls_and_outputs_of_other_agents_are_hidden(records: list[Message], agent: str) -> None:
    assert all(m.agent_name == agent for m in view(records, agent, 15) if m.role in ("tool", "system") or m.tool_calls)


@given(histories, histories, names, st.sampled_from(["resque", "flush"]))
def test_a_cut_hides_everything_before_it(before: list[Message], after: list[Message], agent: str, cut: str) -> None:
    assert view([*before, Message(cut, "why"), *after], agent, 15) == view(after, agent, 15)


@given(histories, names)
def test_nothing_without_content_and_calls_is_shown(records: list[Message], agent: str) -> None:
    assert all(m.content or m.tool_calls for m in view(records, agent, 15))


@given(histories, names, st.integers(0, 20))
def test_system_messages_come_first_and_both_parts_keep_their_order(
    records: list[Message], agent: str, keep: int
) -> None:
    numbered = [m._replace(payload=i) for i, m in enumerate(records)]
    seen = view(numbered, agent, keep)
    systems = [m for m in seen if m.role == "system"]
    assert seen[: len(systems)] == systems
    for part in (systems, seen[len(systems) :]):
        order = [int(str(m.payload)) for m in part]
        assert order == sorted(order)


@given(histories, names)
def test_all_system_messages_since_the_cut_are_kept(records: list[Message], agent: str) -> None:
    fresh: list[Message] = []
    for m in records:
        fresh = [] if m.role in ("resque", "flush") else [*fresh, m]
    expected = [m for m in fresh if m.role == "system" and m.agent_name == agent and (m.content or m.tool_calls)]
    shown = [m for m in view(records, agent, 0) if m.role == "system"]
    assert shown == expected


@given(messages, st.none() | st.dictionaries(st.text(max_size=3), st.integers()))
def test_a_record_reads_back_as_the_message_it_was(message: Message, payload: object) -> None:
    full = message._replace(payload=payload)  # type: ignore[arg-type]
    assert message_of(record_of(full)) == full


@given(messages)
def test_a_record_that_names_everything_reads_back_too(message: Message) -> None:
    assert message_of(message_json(message)) == message


@given(histories, st.integers(1, 8), st.integers(0, 5), st.integers(0, 5))
def test_what_a_window_leaves_out_does_not_depend_on_how_the_records_are_written(
    records: list[Message], window: int, keep_of_a: int, keep_of_b: int
) -> None:
    keeps = {"a": keep_of_a, "b": keep_of_b}
    short, named = (left_out(list(map(write, records)), window, keeps) for write in (record_of, message_json))
    assert list(map(message_of, short)) == list(map(message_of, named))


def test_a_plain_record_names_nothing_and_a_mode_only_where_the_role_does_not_say_it() -> None:
    assert text_record("user", quote('a "b"'), "triage", "user") == '["user","triage","a \\"b\\""]'
    assert text_record("assistant", '"c"', "triage", "tool") == '["assistant","triage","c"]'
    assert text_record("user", '"d"', "triage", "tool") == '["user","triage","d","tool"]'


@given(messages, st.none() | st.dictionaries(st.text(max_size=3), st.integers()))
def test_people_are_shown_a_record_with_names_however_it_is_written(message: Message, payload: object) -> None:
    full = message._replace(payload=payload)  # type: ignore[arg-type]
    assert shown(json.loads(record_of(full))) == json.loads(message_json(full))


@pytest.mark.parametrize("record", ["text", 7, None, [], ["user"], [1, 2, 3], {"role": "user"}])
def test_what_is_no_record_is_shown_as_it_is(record: JsonValue) -> None:
    assert shown(record) == record


def test_keep_messages_zero_hides_even_the_question() -> None:
    assert view([Message("user", "hi", "a", "user")], "a", 0) == []


def test_a_lazy_view_shows_lines_then_window_then_turn_and_does_not_grow() -> None:
    records = [text_record("user", quote("two"), "a", "user")]
    seen: Sequence[Message] = LazyView(
        (Message("system", "be kind"),),
        [text_record("user", quote("one"), "a", "user").encode()],
        records,
        partial(view, agent_name="a", keep_messages=5),
    )
    records.append(text_record("assistant", quote("three"), "a", "tool"))
    assert [m.content for m in seen] == ["be kind", "one", "two"]
    assert len(seen) == 3
    assert seen[-1].content == "two"
    assert [m.content for m in reversed(seen)] == ["two", "one", "be kind"]


@given(histories, names, st.integers(0, 20))
def test_a_filter_chooses_among_all_that_is_no_system_message(records: list[Message], agent: str, keep: int) -> None:
    seen = view(records, agent, keep, lambda message: message.role == "user")
    assert all(message.role in ("user", "system") for message in seen)
    assert [m for m in seen if m.role == "system"] == [m for m in view(records, agent, keep) if m.role == "system"]


@given(histories, names)
def test_a_filter_that_lets_all_pass_shows_the_tool_calls_of_others_in_pairs(
    records: list[Message], agent: str
) -> None:
    seen = view(records, agent, 1000, lambda _: True)
    assert {c.id for m in seen for c in m.tool_calls} == {m.tool_call_id for m in seen if m.role == "tool"}


@given(histories, names, st.integers(0, 20))
def test_a_filter_that_raises_keeps_the_message(records: list[Message], agent: str, keep: int) -> None:
    assert view(records, agent, keep, lambda _: 1 / 0 > 1) == view(records, agent, keep, lambda _: True)


@given(st.lists(histories, max_size=8), st.integers(0, 5), st.integers(0, 5), st.integers(1, 8))
def test_what_a_window_leaves_out_and_the_window_show_as_much_as_all_records(
    turns: list[list[Message]], keep_of_a: int, keep_of_b: int, window: int
) -> None:
    everything, older = list[Message](), list[str]()
    keeps = {"a": keep_of_a, "b": keep_of_b}
    for turn in turns:
        known = [*older, *map(record_of, everything[-window:])]
        everything += turn
        older = left_out([*known, *map(record_of, turn)], window, keeps)
    seen = [*map(message_of, older), *everything[-window:]]
    for agent, keep in keeps.items():
        assert _spoken(view(seen, agent, keep)) == _spoken(view(everything, agent, keep))
    assert len(older) <= keep_of_a + keep_of_b


def _spoken(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.role != "system"]
