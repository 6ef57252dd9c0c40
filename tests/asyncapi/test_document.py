"""docs/asyncapi.yaml is what the models say, and what the tools of AsyncAPI can read."""

import json
import re
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.requests import RequestKind
from tests.asyncapi.__main__ import text
from tests.asyncapi.document import document
from tests.helpers.npm import NODE, installed
from tests.helpers.processes import ROOT

PAGE = ROOT / "docs" / "asyncapi.yaml"
ERROR, WARNING = 0, 1


def test_the_page_is_what_the_generator_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "python -m tests.asyncapi >docs/asyncapi.yaml"


def test_every_kind_of_request_is_a_message_of_the_requests_channel() -> None:
    made = document()
    kinds = {
        made["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]["properties"]["kind"]["const"]
        for name, message in made["components"]["messages"].items()
        if name in made["channels"]["requests"]["messages"]
    }
    assert kinds == set(RequestKind)


def test_every_recorded_example_of_the_wire_stands_in_the_document() -> None:
    shown = {
        example["name"]
        for message in document()["components"]["messages"].values()
        for example in message.get("examples", ())
    }
    assert shown == {path.stem for path in (ROOT / "tests" / "golden").glob("*.json")}


def test_every_reference_leads_somewhere() -> None:
    made = document()
    for path in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(made))):
        part: Any = made
        for name in path.split("/"):
            part = part[name]  # a KeyError names what is missing


def faults_of(schema: str, given: object) -> list[str]:
    """Return what is wrong with something that a schema of the document describes."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": json.loads(json.dumps(document()["components"]))}
    return [fault.message for fault in Draft202012Validator(whole).iter_errors(given)]


MESSAGES = document()["components"]["messages"]


@pytest.mark.parametrize("name", [name for name, message in MESSAGES.items() if "examples" in message])
def test_the_examples_of_a_message_are_what_its_schema_says(name: str) -> None:
    schema = MESSAGES[name]["payload"]["$ref"].rpartition("/")[2]
    for example in MESSAGES[name]["examples"]:
        assert faults_of(schema, example["payload"]) == []
        lacking = dict(list(example["payload"].items())[1:])
        assert faults_of(schema, lacking), "the first key of each is required"


def test_the_schemas_of_events_and_bodies_are_as_strict_as_the_models() -> None:
    event = json.loads((ROOT / "tests" / "golden" / "event.execute.json").read_text())
    assert faults_of("SessionEvent", event | {"type": "push"})
    assert faults_of("HistoryEvent", event)
    assert faults_of("AnyEvent", event) == []
    assert faults_of("ExecuteBody", {"mode": "user"})
    assert faults_of("ExecuteBody", {"message": "Hi", "agentName": "no such name"})
    assert faults_of(
        "ExecuteRequest", {"v": "1", "requestId": "r", "clientId": "a", "swarmName": "s", "kind": "execute"}
    )


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install @asyncapi/parser."""
    return installed(Path(__file__).parent / "parser", tmp_path_factory.mktemp("asyncapi"))


def findings(parser: Path, given: str) -> list[dict[str, Any]]:
    """Return what the parser has to say, hints left out."""
    ended = subprocess.run([NODE, "validate.mjs"], cwd=parser, input=given, capture_output=True, text=True, check=False)
    assert ended.stdout, ended.stderr
    return [found for found in json.loads(ended.stdout)["found"] if found["severity"] in (ERROR, WARNING)]


@pytest.mark.timeout(240)  # npm installs 55 MB
def test_the_parser_of_asyncapi_has_nothing_to_say_and_notices_what_is_wrong(parser: Path) -> None:
    assert findings(parser, PAGE.read_text(encoding="utf-8")) == []
    wrong = deepcopy(document())
    wrong["channels"]["bus"]["address"] = "{namespace}:{shard}:bus:{nobody}"
    assert {found["code"] for found in findings(parser, json.dumps(wrong))} == {"asyncapi3-channel-parameters"}
