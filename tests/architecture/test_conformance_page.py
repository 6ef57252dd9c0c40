"""The page of conformance names every conformance test, and no test that is not there."""

import ast
import re
from collections import Counter
from pathlib import Path

from tests.helpers.processes import ROOT

PAGE = ROOT / "docs/conformance.md"
NAMED = re.compile(r"`(test_\w+)`")
PATHS = re.compile(r"`(\w+/test_\w+\.py)`")


def names_of(path: Path) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.parse(path.read_text()).body if isinstance(node, functions))
    return [node.name for node in nodes if node.name.startswith("test_")]


def conformance_tests() -> list[str]:
    return [name for path in (ROOT / "tests/conformance").glob("test_*.py") for name in names_of(path)]


def test_the_page_and_the_tests_name_the_same_tests() -> None:
    named, there = set(NAMED.findall(PAGE.read_text())), set(conformance_tests())
    assert not named - there, "on the page, but no test"
    assert not there - named, "a test that the page does not name"


def test_a_name_stands_for_one_test() -> None:
    assert [name for name, count in Counter(conformance_tests()).items() if count > 1] == []


def test_every_file_on_the_page_exists() -> None:
    assert [path for path in PATHS.findall(PAGE.read_text()) if not (ROOT / "tests" / path).exists()] == []


def test_every_weakness_and_decision_has_a_test() -> None:
    rows = re.findall(r"^\| ([WD]\d+) \|.*`test_", PAGE.read_text(), re.MULTILINE)
    assert rows == [f"W{n}" for n in range(1, 25)] + [f"D{n}" for n in range(1, 21)]
