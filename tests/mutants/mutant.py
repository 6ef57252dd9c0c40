"""The real command with a seeded bug in its scripts or modules, as `--mutant=NAME`, its first argument, says."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Change
from worker.store import script


def plant(changes: Sequence[Change]) -> None:
    """Make the loader hand out scripts and modules with the bug in them."""
    for change in changes:
        if "." in change.where:
            _plant_in_module(change)
    _plant_in_scripts([change for change in changes if "." not in change.where])


def missing(changes: Sequence[Change]) -> list[Change]:
    """Return the changes whose text is no more, or is not unique."""
    return [change for change in changes if _text_of(change.where).count(change.text) != 1]


def _text_of(where: str) -> str:
    if "." not in where:
        return script.load(where).source
    spec = importlib.util.find_spec(where)
    assert spec is not None, where
    assert spec.origin is not None, where
    return Path(spec.origin).read_text()


def _plant_in_scripts(changes: Sequence[Change]) -> None:
    script.load.cache_clear()
    assemble = script.assemble

    def assemble_mutant(text: str) -> str:
        text = assemble(text)
        for change in changes:
            text = text.replace(change.text, change.instead)
        return text

    script.assemble = assemble_mutant


def _plant_in_module(change: Change) -> None:
    spec = importlib.util.find_spec(change.where)
    assert spec is not None, change.where
    module = importlib.util.module_from_spec(spec)
    sys.modules[change.where] = module
    source = _text_of(change.where).replace(change.text, change.instead)
    exec(compile(source, change.where, "exec"), module.__dict__)  # noqa: S102 - our own source, with one change


if __name__ == "__main__":
    seeded = MUTANTS[sys.argv.pop(1).removeprefix("--mutant=")].changes
    assert not missing(seeded), f"these texts are no more: {missing(seeded)}"
    plant(seeded)

    from worker.__main__ import main

    main()
