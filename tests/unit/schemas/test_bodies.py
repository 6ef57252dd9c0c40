"""Bodies: what each kind takes, and every fault that is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import BadRequest
from schemas.requests import (
    BODIES,
    CONTROL_LANE,
    OPENING_KINDS,
    SESSION_LANE,
    CommitToolRequestBody,
    ExecuteBody,
    Mode,
    RequestKind,
    parse_body,
)
from tests.golden import examples

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    SCALARS | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet=st.characters(codec="utf-8")), inner),
    max_leaves=20,
)
TEXTS = st.text(alphabet=st.characters(codec="utf-8"))


def nested(levels: int) -> str:
    """Return an execute body of `levels` levels in all."""
    return '{"message":"Hi","payload":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@pytest.mark.parametrize("kind", RequestKind)
def test_each_kind_reads_its_own_body(kind: RequestKind) -> None:
    raw = json.dumps(examples.BODIES[kind]).encode()
    body = parse_body(kind, raw)
    assert type(body) is BODIES[kind]
    assert parse_body(kind, body.to_json()) == body


@pytest.mark.parametrize("kind", [kind for kind in RequestKind if BODIES[kind].model_fields])
def test_a_wrong_type_is_an_error(kind: RequestKind) -> None:
    key = next(alias for field in BODIES[kind].model_fields.values() if (alias := field.alias) != "payload")
    with pytest.raises(BadRequest, match=str(key)):
        parse_body(kind, json.dumps({**examples.BODIES[kind], key: 17}))


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (kind, str(field.alias))
        for kind in RequestKind
        for field in BODIES[kind].model_fields.values()
        if field.is_required()
    ],
)
def test_a_missing_key_is_named(kind: RequestKind, key: str) -> None:
    body = {name: value for name, value in examples.BODIES[kind].items() if name != key}
    with pytest.raises(BadRequest, match=key):
        parse_body(kind, json.dumps(body))


@pytest.mark.parametrize("kind", RequestKind)
def test_unknown_keys_are_ignored(kind: RequestKind) -> None:
    known = examples.BODIES[kind]
    assert parse_body(kind, json.dumps({**known, "later": [{"x": 1}]})) == parse_body(kind, json.dumps(known))


@given(TEXTS, JSON_VALUES)
def test_any_message_and_payload_arrive_as_they_were_sent(message: str, payload: object) -> None:
    body = parse_body("execute", json.dumps({"message": message, "payload": payload}))
    assert isinstance(body, ExecuteBody)
    assert (body.message, body.payload, body.mode) == (message, payload, Mode.USER)


@given(TEXTS)
def test_a_message_of_any_text_is_taken_as_escaped_or_plain_utf8(message: str) -> None:
    escaped = parse_body("run", json.dumps({"message": message}))
    plain = parse_body("run", json.dumps({"message": message}, ensure_ascii=False).encode())
    assert escaped == plain


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"message":"a","message":"b"}', "same key twice"),
        (b'{"message":"a","payload":{"x":1,"x":1}}', "same key twice"),
        (b'{"message":"a","later":{"x":1,"x":1}}', "same key twice"),
        (b'{"message":"a","payload":NaN}', "NaN"),
        (b'{"message":"a","payload":[-Infinity]}', "Infinity"),
        (b'{"message":"a","later":Infinity}', "Infinity"),
        (b'{"message":"a","payload":1e999}', "out of range"),
        (b'{"message":"a","payload":[[1e999]]}', "out of range"),
        (b'{"message":"a","payload":' + b"9" * 5000 + b"}", "too long"),
        (nested(33).encode(), "32 levels"),
        (nested(100_000).encode(), "32 levels"),
        (b'{"message":"a","later":' + b"[" * 100_000, "32 levels"),
        (b'["message"]', "JSON object"),
        (b'"message"', "JSON object"),
        (b"null", "JSON object"),
        (b"", "not valid JSON"),
        (b'{"message":"a"', "not valid JSON"),
        (b'{"message":"a"} x', "not valid JSON"),
        (b"{'message':'a'}", "not valid JSON"),
        (b'{"message":"\xff"}', "UTF-8"),
        (b'{"message":"\xed\xa0\x80"}', "UTF-8"),
        ('{"message":"a"}'.encode("utf-16"), "UTF-8"),
        (b'{"message":"\\ud800"}', "hex escape"),
    ],
)
def test_a_fault_of_the_json_is_refused_and_named(raw: bytes, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        parse_body(RequestKind.EXECUTE, raw)


@pytest.mark.parametrize("kind", RequestKind)
def test_a_body_with_four_quotes_in_all_is_checked_like_any_other(kind: RequestKind) -> None:
    for raw in (b'{"a":NaN,"b":1}', b'{"a":1,"a":1}', b'{"message":"a"', b'{"message":NaN,"b":1}'):
        with pytest.raises(BadRequest):
            parse_body(kind, raw)


def test_half_a_surrogate_pair_in_text_is_refused() -> None:
    with pytest.raises(BadRequest, match="surrogate"):
        parse_body("execute", '{"message":"\ud800"}')


def test_thirty_two_levels_are_still_allowed() -> None:
    assert parse_body("execute", nested(32)).to_json() == nested(32).replace(',"payload"', ',"mode":"user","payload"')


def test_words_that_only_look_like_faults_are_fine() -> None:
    body = parse_body("execute", '{"message":"NaN: [[{{ \\"message\\":\\"x\\" Infinity"}')
    assert isinstance(body, ExecuteBody)
    assert body.message == 'NaN: [[{{ "message":"x" Infinity'


def test_the_fault_text_never_quotes_the_value() -> None:
    with pytest.raises(BadRequest) as fault:
        parse_body("execute", '{"message":["my secret"],"agentName":"my secret"}')
    assert "my secret" not in str(fault.value)


def test_python_names_are_not_understood_on_the_wire() -> None:
    body = parse_body("execute", '{"message":"Hi","agent_name":"sales"}')
    assert isinstance(body, ExecuteBody)
    assert body.agent_name is None


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\n"])
def test_a_bad_agent_name_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="agentName"):
        parse_body("execute", json.dumps({"message": "Hi", "agentName": name}))


def test_an_unknown_kind_is_refused_with_the_list_of_kinds() -> None:
    with pytest.raises(BadRequest, match="cancel-output"):
        parse_body("explode", "{}")


@pytest.mark.parametrize("topic", ["session-bus", "compute-bus"])
def test_the_sources_of_the_system_are_no_topics(topic: str) -> None:
    with pytest.raises(BadRequest, match="topic"):
        parse_body("event", json.dumps({"topic": topic, "payload": None}))


def test_the_params_of_a_tool_request_must_be_an_object() -> None:
    with pytest.raises(BadRequest, match=r"request\.0\.params"):
        parse_body("commit-tool-request", '{"request":[{"toolName":"t","params":[1]}]}')
    body = parse_body("commit-tool-request", '{"request":[]}')
    assert body == CommitToolRequestBody(request=[])


def test_bodies_can_not_be_changed() -> None:
    body = parse_body("run", '{"message":"Hi"}')
    with pytest.raises(ValidationError, match="frozen"):
        body.message = "Ho"  # type: ignore[attr-defined]


def test_each_kind_has_one_lane() -> None:
    assert set(RequestKind) == CONTROL_LANE | SESSION_LANE
    assert not CONTROL_LANE & SESSION_LANE
    assert RequestKind.DISPOSE in SESSION_LANE


def test_the_kinds_that_open_a_session_are_those_of_the_protocol_page() -> None:
    assert set(RequestKind) - OPENING_KINDS == CONTROL_LANE | {
        RequestKind.COMPLETE,
        RequestKind.EVENT,
        RequestKind.DISPOSE,
    }
