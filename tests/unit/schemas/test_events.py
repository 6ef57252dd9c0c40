"""Bus events of every source, and custom ones."""

import json

import pytest

from schemas.errors import BadItem
from schemas.events import TYPES_BY_SOURCE, BusEvent, CustomEvent, EventType, Source, parse_event, parse_turn_events
from tests.golden.examples import EVENTS, event_of

PAIRS = [(source, type_) for source in Source for type_ in sorted(TYPES_BY_SOURCE[source])]


@pytest.mark.parametrize(("source", "type_"), PAIRS)
def test_each_event_of_each_source_survives_the_wire(source: Source, type_: EventType) -> None:
    event = event_of(type_, source, input={"any": [1, {"deep": None}]}, output={"result": "x"})
    assert parse_event(event.to_json()) == event


def test_each_type_has_a_source() -> None:
    assert set(EventType) == {type_ for _, type_ in PAIRS}


def test_an_event_without_type_is_a_custom_one() -> None:
    event = parse_event(EVENTS["custom"].to_json())
    assert isinstance(event, CustomEvent)
    assert event.source == "order.paid"
    assert isinstance(parse_event(EVENTS["execute"].to_json()), BusEvent)


def test_the_events_of_a_turn_keep_their_order() -> None:
    raw = "[" + ",".join(event.to_json() for event in EVENTS.values()) + "]"
    assert parse_turn_events(raw.encode()) == list(EVENTS.values())


@pytest.mark.parametrize("key", ["type", "source", "input", "output", "context", "clientId", "turn", "atMs"])
def test_a_wrong_value_is_an_error(key: str) -> None:
    broken = {**json.loads(EVENTS["execute"].to_json()), key: 1.5}
    with pytest.raises(BadItem, match=key):
        parse_event(json.dumps(broken))


@pytest.mark.parametrize("raw", [b"", b"{}", b"1", b"\xff"])
def test_rubbish_is_no_event(raw: bytes) -> None:
    with pytest.raises(BadItem):
        parse_event(raw)
    with pytest.raises(BadItem):
        parse_turn_events(raw)
