"""The simulation proves itself: every seeded bug must be found, and without it the same run must be clean."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import missing
from worker.simulate.run import simulate

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_seeded_bug_is_found(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    plan = replace(mutant.plan, worker_command=("tests.mutants.mutant", f"--mutant={name}"))
    report = await simulate(plan, tmp_path / "run", print)
    assert {finding.promise for finding in report.findings} & mutant.breaks, report.as_dict()


@pytest.mark.parametrize("name", MUTANTS)
def test_what_a_mutant_changes_is_still_there(name: str) -> None:
    assert missing(MUTANTS[name].changes) == []
