"""Requests as stream fields, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequest
from schemas.names import is_client_id
from schemas.requests import RequestKind, WhenBusy
from schemas.wire import Request, from_fields, to_fields
from tests.golden.examples import FULL_REQUEST

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
TIMES = st.none() | st.integers(0, 2**53)
TEXTS = st.text(alphabet=st.characters(codec="utf-8"))

REQUESTS = st.fixed_dictionaries(  # not st.builds: the signature of a model has the wire names
    {
        "request_id": st.from_regex(r"[A-Za-z0-9_.:-]{1,128}", fullmatch=True),
        "client_id": st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=128).filter(is_client_id),
        "swarm_name": NAMES,
        "kind": st.sampled_from(RequestKind),
        "body": st.just('{"message":"Hi"}') | st.just("{}"),
        "when_busy": st.none() | st.sampled_from(WhenBusy),
        "force": st.booleans(),
        "reply_to": TEXTS,
        "deadline_ms": TIMES,
        "traceparent": TEXTS,
        "tracestate": TEXTS,
        "sent_at_ms": TIMES,
    }
).map(lambda fields: Request(**fields))
FIELDS = {"v": "1", "requestId": "r-1", "clientId": "alice", "swarmName": "support", "kind": "execute"}


@given(REQUESTS)
def test_a_request_survives_the_stream(request: Request) -> None:
    fields = to_fields(request)
    assert from_fields(fields) == request
    assert from_fields({key.encode(): value.encode() for key, value in fields.items()}) == request


@given(REQUESTS, st.randoms())
def test_fields_may_come_in_any_order_and_with_unknown_ones(request: Request, random: "st.random.Random") -> None:
    fields = list({**to_fields(request), "later": "x"}.items())
    random.shuffle(fields)
    assert from_fields(dict(fields)) == request


def test_an_absent_body_is_an_empty_object() -> None:
    request = from_fields(FIELDS)
    assert request.body == "{}"
    assert request.when_busy is None
    assert not request.force


@pytest.mark.parametrize("key", FIELDS)
def test_a_missing_field_is_named(key: str) -> None:
    with pytest.raises(BadRequest, match=key):
        from_fields({name: value for name, value in FIELDS.items() if name != key})


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("v", "2", "v"),
        ("v", "0", "v"),
        ("v", "one", "decimal digits"),
        ("requestId", "a b", "requestId"),
        ("requestId", "x" * 129, "requestId"),
        ("clientId", "ali ce", "clientId"),
        ("clientId", "", "clientId"),
        ("swarmName", "my swarm", "swarmName"),
        ("kind", "explode", "unknown kind"),
        ("whenBusy", "panic", "unknown whenBusy"),
        ("force", "yes", "force"),
        ("deadlineMs", "-1", "deadlineMs"),
        ("deadlineMs", "1.5", "deadlineMs"),
        ("deadlineMs", "1" * 17, "deadlineMs"),
        ("sentAtMs", "٣", "sentAtMs"),
    ],
)
def test_a_wrong_field_is_named(key: str, value: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        from_fields({**FIELDS, key: value})


def test_a_field_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BadRequest, match="UTF-8"):
        from_fields({key.encode(): value.encode() for key, value in FIELDS.items()} | {b"replyTo": b"\xff"})


def test_only_what_is_set_is_sent() -> None:
    assert to_fields(from_fields(FIELDS)) == {**FIELDS, "body": "{}"}
    assert len(to_fields(FULL_REQUEST)) == len(Request.model_fields) - 1  # all but force
