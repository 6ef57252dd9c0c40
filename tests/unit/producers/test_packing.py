"""What a caller may pass, and what is told to change."""

from collections.abc import Mapping

import pytest

from producers.errors import InvalidRequest
from producers.packing import make_body, make_request
from schemas.names import BODY_MAX_BYTES
from schemas.requests import BODIES, RequestKind
from tests.golden import examples


def snake(name: str) -> str:
    """Return the Python spelling of a wire name."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@pytest.mark.parametrize("kind", RequestKind)
def test_each_kind_is_made_from_python_names(kind: RequestKind) -> None:
    values = {snake(key): value for key, value in examples.BODIES[kind].items()}
    request = make_request("alice", "support", str(kind), values)
    assert request.kind is kind
    assert BODIES[kind].model_validate_json(request.body) == BODIES[kind].model_validate_json(
        examples.request_of(kind).body
    )


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        ("explode", {}, "unknown kind"),
        ("execute", {}, "message: Field required"),
        ("execute", {"message": 17}, "message"),
        ("execute", {"message": "Hi", "mesage": "Ho"}, "takes no mesage; it takes: .*message"),
        ("execute", {"message": "Hi", "mode": "god"}, "mode"),
        ("execute", {"message": "Hi", "agent_name": "a b"}, "agentName"),
        ("execute", {"message": "Hi", "when_busy": "panic"}, "unknown when_busy"),
        ("execute", {"message": "Hi", "request_id": "a b"}, "requestId"),
        ("execute", {"message": "Hi", "deadline_ms": "soon"}, "deadlineMs"),
        ("execute", {"message": "Hi", "payload": float("nan")}, "NaN"),
        ("execute", {"message": "Hi", "payload": object()}, "written as JSON"),
        ("execute", {"message": "\ud800"}, "written as JSON"),
        ("execute", {"message": "x" * BODY_MAX_BYTES}, "bytes"),
        ("event", {"topic": "session-bus", "payload": 1}, "topic"),
        ("connect", {"message": "Hi"}, "takes no message"),
        ("dispose", {"force": "yes"}, "force"),
    ],
)
def test_what_a_worker_would_refuse_is_refused_here(kind: str, fields: Mapping[str, object], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        make_request("alice", "support", kind, fields)


def test_none_means_left_out() -> None:
    fields = {"message": "Hi", "agent_name": None, "payload": None, "when_busy": None}
    request = make_request("alice", "support", "execute", fields)
    assert request.body == '{"message":"Hi"}'
    assert request.when_busy is None


def test_the_payload_of_an_event_may_be_none() -> None:
    assert make_body("event", {"topic": "paid", "payload": None}) == b'{"topic":"paid","payload":null}'
