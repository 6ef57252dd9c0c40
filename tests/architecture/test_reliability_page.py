"""The reliability page names only tests, faults and seeded bugs that there are, and every promise of the checker."""

import re

from tests.helpers.processes import ROOT
from worker.simulate.findings import PROMISES
from worker.simulate.schedule import KINDS

PAGE = (ROOT / "docs" / "reliability.md").read_text()
TEST = re.compile(r"`(test_\w+)`")
DEFINED = re.compile(r"def (test_\w+)\(")


def test_every_test_that_is_named_exists() -> None:
    defined = {name for path in (ROOT / "tests").rglob("test_*.py") for name in DEFINED.findall(path.read_text())}
    assert set(TEST.findall(PAGE)) <= defined


def test_every_fault_of_the_simulation_is_described() -> None:
    assert {kind for kind in KINDS if f"`{kind}`" not in PAGE} == set()


def test_every_promise_of_the_checker_is_made() -> None:
    made = set(re.findall(r"^\| (\w+) \| ", PAGE, re.MULTILINE))
    assert PROMISES.keys() - made == {"status", "leftovers"}
