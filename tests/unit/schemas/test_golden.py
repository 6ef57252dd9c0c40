"""The golden files: other people's clients depend on these exact bytes."""

import json
from pathlib import Path

import pytest

from schemas.events import parse_event
from schemas.replies import parse_client_item, parse_result
from schemas.wire import from_fields, to_fields
from tests.golden.examples import texts

GOLDEN = Path(__file__).parents[2] / "golden"
TEXTS = texts()


@pytest.mark.parametrize("name", TEXTS)
def test_the_models_write_the_bytes_of_the_golden_file(name: str) -> None:
    assert (GOLDEN / name).read_bytes() == TEXTS[name].encode() + b"\n"


def test_each_golden_file_has_its_example() -> None:
    assert {path.name for path in GOLDEN.glob("*.json")} == set(TEXTS)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("request.*.json")), ids=lambda path: path.stem)
def test_a_golden_request_is_read_and_written_back(path: Path) -> None:
    fields: dict[str, str] = json.loads(path.read_bytes())
    assert to_fields(from_fields(fields)) == fields


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("event.*.json")), ids=lambda path: path.stem)
def test_a_golden_event_is_read_and_written_back(path: Path) -> None:
    assert parse_event(path.read_bytes()).to_json() == path.read_text().strip()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("client.*.json")), ids=lambda path: path.stem)
def test_a_golden_client_item_is_read_and_written_back(path: Path) -> None:
    assert parse_client_item(path.read_bytes()).to_json() == path.read_text().strip()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("re[ps]*.json")), ids=lambda path: path.stem)
def test_a_golden_result_is_read_and_written_back(path: Path) -> None:
    assert parse_result(path.read_bytes()).to_json() == path.read_text().strip()
