"""Every key and channel is documented, known to the guard of the tests, and spelled in one place."""

import re

import pytest

from schemas.keyspace import NAMED_PREFIXES, SHARD_NAMES
from tests.helpers.processes import ROOT
from worker.simulate import keyspace as keyspace_guard

NAMES = {**SHARD_NAMES, **NAMED_PREFIXES}
KEYSPACE = ROOT / "schemas/keyspace.py"
#: pages that describe what Redis holds
PAGES = ("docs/protocol.md", "docs/architecture.md")


def documented() -> str:
    return "\n".join(page.read_text() for name in PAGES if (page := ROOT / name).exists())


@pytest.mark.parametrize("name", NAMES.values())
def test_a_name_is_documented(name: str) -> None:
    assert f"<ns>:{{k}}:{name}" in documented()


def test_the_guard_knows_every_key() -> None:
    assert set(keyspace_guard.TYPES) == {attribute for attribute in NAMES if attribute.endswith("_key")}


def test_no_other_file_spells_a_key() -> None:
    named = "|".join(re.escape(prefix) for prefix in NAMED_PREFIXES.values())
    spelled = re.compile(rf"""\}}:(?:{named}|{"|".join(SHARD_NAMES.values())})\b""")
    sources = [path for package in ("schemas", "producers", "worker") for path in (ROOT / package).rglob("*.py")]
    guilty = {path.name: found for path in sources if path != KEYSPACE and (found := spelled.findall(path.read_text()))}
    assert not guilty
