"""The protocol page tells the truth: its examples, its tables and its test vectors are those of the models."""

import re
import shlex
from pathlib import Path
from zlib import crc32

import pytest

from schemas.dead_letters import DeadReason
from schemas.events import TYPES_BY_SOURCE, EventType, Source, parse_event
from schemas.names import BODY_MAX_BYTES, MAILBOX_MAX, OUTPUT_MAX_BYTES, shard_of
from schemas.replies import ErrorCode, Status, parse_client_item, parse_result
from schemas.requests import BODIES, RequestKind, WhenBusy
from schemas.wire import Request, from_fields

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
VECTORS = re.findall(r"^\| `(\S+)` \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
XADDS = re.findall(r"^redis-cli XADD (.*)$", PAGE, re.MULTILINE)


def row(word: str) -> str:
    """Return the table row that begins with a code word, alone or among others."""
    return next(line for line in PAGE.splitlines() if line.startswith("|") and f"`{word}`" in line.split("|")[1])


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_what_the_models_write(example: str) -> None:
    read = parse_event if '"source"' in example else parse_client_item if '"type"' in example else parse_result
    assert read(example).to_json() == example


@pytest.mark.parametrize(("client_id", "checksum", "shard"), VECTORS)
def test_the_test_vectors_are_right(client_id: str, checksum: str, shard: str) -> None:
    assert crc32(client_id.encode()) == int(checksum)
    assert shard_of(client_id, 16) == int(shard)


def test_the_page_has_examples_and_vectors() -> None:
    assert (len(EXAMPLES), len(VECTORS), len(XADDS)) == (8, 6, 1)


@pytest.mark.parametrize("command", XADDS)
def test_the_command_of_the_page_sends_a_request(command: str) -> None:
    key, _, *fields = shlex.split(command)
    assert key == "swarmline:{0}:requests"
    request = from_fields(dict(zip(fields[::2], fields[1::2], strict=True)))
    assert (request.kind, request.body) == (RequestKind.EXECUTE, '{"message":"Hello"}')


@pytest.mark.parametrize("kind", RequestKind)
def test_each_kind_is_listed_with_the_keys_of_its_body(kind: RequestKind) -> None:
    listed = row(kind)
    aliases = {str(field.alias) for field in BODIES[kind].model_fields.values() if field.alias != "agentName"}
    assert all(f"`{alias}`" in listed for alias in aliases)


@pytest.mark.parametrize("field", [str(field.alias) for field in Request.model_fields.values()])
def test_each_stream_field_is_listed(field: str) -> None:
    assert row(field)


@pytest.mark.parametrize("word", [*WhenBusy, *Status, *DeadReason])
def test_each_word_of_the_tables_is_listed(word: str) -> None:
    assert row(word)


@pytest.mark.parametrize("word", [*ErrorCode, *EventType])
def test_each_code_and_event_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("source", Source)
def test_each_source_is_listed_with_its_own_events(source: Source) -> None:
    of_history = (TYPES_BY_SOURCE[Source.SESSION] & TYPES_BY_SOURCE[Source.AGENT]) - {EventType.RUN}
    own = TYPES_BY_SOURCE[source] - of_history
    assert own
    assert all(f"`{type_}`" in row(source) for type_ in own)
    assert ("the eight of history" in row(source)) is bool(TYPES_BY_SOURCE[source] & of_history)


def test_the_limits_are_those_of_the_code() -> None:
    for limit in (BODY_MAX_BYTES, MAILBOX_MAX, OUTPUT_MAX_BYTES):
        assert f"{limit:,}" in PAGE
