"""The header of each Lua script tells the truth: an undocumented slot, or a documented one that nobody reads, fails."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT
from worker.store.script import assemble

LUA = ROOT / "worker/store/lua"
SCRIPTS = sorted(LUA.glob("*.lua"))
SLOT = re.compile(r"(KEYS|ARGV)\[(\d+)\]")
SLOT_LINE = re.compile(r"^\s+(KEYS|ARGV)\[(\d+)\]\s+(\w+)\s+\w+", re.MULTILINE)
BINDING = re.compile(r"^local ([\w, ]+) = (.+)$", re.MULTILINE)
BOUND = re.compile(r"(?:tonumber\()?((?:KEYS|ARGV)\[\d+\])\)?")
INCLUDE = re.compile(r"^--#include (\w+)$", re.MULTILINE)
#: written by worker/store/script.py out of schemas/keyspace.py
GENERATED = {"prefixes"}

each_script = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


def header_and_body(path: Path) -> tuple[str, str]:
    """Return the comment at the head of a script and the code below it, with its includes put in."""
    header, _, body = path.read_text().partition("]]")
    return header, assemble(body)


def includes_of(text: str) -> list[str]:
    return [name for name in INCLUDE.findall(text) if name not in GENERATED]


def bindings_of(body: str) -> Iterator[tuple[str, str]]:
    """Yield (slot, name) for each `local name, ... = KEYS[n], tonumber(ARGV[n]), ...`."""
    for names, values in BINDING.findall(body):
        for name, value in zip(names.split(","), values.split(","), strict=False):
            if slot := BOUND.fullmatch(value.strip()):
                yield slot[1], name.strip()


def test_there_are_scripts_to_check() -> None:
    assert {"admit_and_claim", "commit", "flush", "renew", "release", "sweep"} <= {path.stem for path in SCRIPTS}


@each_script
def test_header_and_body_agree(path: Path) -> None:
    header, body = header_and_body(path)
    assert set(SLOT.findall(header)) == set(SLOT.findall(body))


@each_script
def test_a_header_counts_its_slots_from_one_without_a_gap(path: Path) -> None:
    header, _ = header_and_body(path)
    for kind in ("KEYS", "ARGV"):
        numbers = [int(number) for found, number, _ in SLOT_LINE.findall(header) if found == kind]
        assert numbers == list(range(1, len(numbers) + 1)), f"{kind}: {numbers}"


@each_script
def test_a_slot_has_the_same_name_in_header_and_body(path: Path) -> None:
    header, body = header_and_body(path)
    documented = {f"{kind}[{number}]": name for kind, number, name in SLOT_LINE.findall(header)}
    assert {slot: name for slot, name in bindings_of(body) if documented.get(slot) != name} == {}


@each_script
def test_a_header_says_what_the_script_does_and_returns(path: Path) -> None:
    header, _ = header_and_body(path)
    assert header.startswith("#!lua"), "no shebang: a full Redis would treat it as a script of old"
    assert re.search(r"^\s+Returns\s+\S", header, re.MULTILINE)


def test_every_include_exists_and_is_used() -> None:
    texts = [path.read_text() for path in LUA.rglob("*.lua")]
    used = {name for text in texts for name in includes_of(text)}
    assert used == {path.stem for path in (LUA / "includes").glob("*.lua")}


@pytest.mark.parametrize("path", sorted(LUA.rglob("*.lua")), ids=lambda path: path.stem)
def test_lua_spells_no_key_of_its_own(path: Path) -> None:
    spelled = re.findall(r"""base\s*\.\.\s*['"][^'"]*['"]""", path.read_text())
    assert not spelled, "names come from schemas/keyspace.py: use the prefixes include"
