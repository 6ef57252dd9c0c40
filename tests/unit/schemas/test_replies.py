"""Replies, markers and the items of a client channel."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadItem
from schemas.replies import (
    Accepted,
    ErrorCode,
    Reply,
    ReplyError,
    Status,
    parse_client_item,
    parse_reply,
    parse_result,
)
from tests.golden.examples import ACCEPTED, ANSWER, CLIENT_ITEMS, REPLIES

TEXTS = st.text(alphabet=st.characters(codec="utf-8"))
NUMBERS = st.integers(0, 2**53)

ANY_REPLY = st.fixed_dictionaries(  # not st.builds: the signature of a model has the wire names
    {
        "request_id": TEXTS,
        "client_id": TEXTS,
        "swarm_name": TEXTS,
        "status": st.sampled_from(Status),
        "output": TEXTS,
        "seq": st.none() | NUMBERS,
        "agent_name": st.none() | TEXTS,
        "turn": st.none() | NUMBERS,
        "attempts": NUMBERS,
        "error": st.none() | st.builds(ReplyError, code=st.sampled_from(ErrorCode), message=TEXTS, policyName=TEXTS),
        "accepted_at_ms": NUMBERS,
        "finished_at_ms": NUMBERS,
        "skipped": st.booleans(),
    }
).map(lambda fields: Reply(**fields))


@given(ANY_REPLY)
def test_a_reply_survives_the_wire(reply: Reply) -> None:
    assert parse_result(reply.to_json()) == reply
    assert parse_client_item(reply.to_json().encode()) == reply


@pytest.mark.parametrize("item", CLIENT_ITEMS.values(), ids=CLIENT_ITEMS)
def test_a_client_item_survives_the_wire(item: Reply) -> None:
    assert parse_client_item(item.to_json()) == item


def test_skipped_is_there_only_when_it_is_true() -> None:
    assert "skipped" not in json.loads(REPLIES["completed"].to_json())
    assert json.loads(REPLIES["completed-skipped"].to_json())["skipped"] is True


def test_the_policy_is_named_only_by_a_refusal() -> None:
    assert json.loads(REPLIES["refused"].to_json())["error"]["policyName"] == "polite"
    assert set(json.loads(REPLIES["failed"].to_json())["error"]) == {"code", "message"}


def test_a_result_under_way_is_told_from_a_reply() -> None:
    assert parse_result(ACCEPTED.to_json()) == ACCEPTED
    assert isinstance(parse_result(ACCEPTED.to_json()), Accepted)
    assert isinstance(parse_result(ANSWER.to_json()), Reply)


def test_unknown_keys_are_ignored() -> None:
    assert parse_reply(json.dumps({**json.loads(ANSWER.to_json()), "later": {"x": 1}})) == ANSWER


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("v", 2),
        ("type", "answer"),
        ("status", "done"),
        ("status", "accepted"),
        ("seq", "1"),
        ("turn", 1.5),
        ("output", None),
        ("error", "no"),
        ("error", {"code": "no_such_code", "message": ""}),
        ("acceptedAtMs", True),
    ],
)
def test_a_wrong_value_is_an_error(key: str, value: object) -> None:
    with pytest.raises(BadItem, match=key):
        parse_reply(json.dumps({**json.loads(ANSWER.to_json()), key: value}))


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"type":"later"}', b"\xff", b'{"status":"accepted"}'])
def test_rubbish_is_no_result_and_no_client_item(raw: bytes) -> None:
    with pytest.raises(BadItem):
        parse_client_item(raw)
    with pytest.raises(BadItem):
        parse_result(raw)
