"""The simulation proves itself: every seeded bug must be found, and without it the same run must be clean."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from worker.simulate.run import simulate

#: chance decides what a fault meets: a bug that one seed does not hit gets two more
SEEDS = (1, 2, 3)
#: run the same plans without the bugs as well: SWARMLINE_TEST_CONTROLS=1 make mutants
WITH_CONTROLS = bool(os.environ.get("SWARMLINE_TEST_CONTROLS"))  # noqa: TID251 - an option of the tests

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_seeded_bug_is_found(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    found: list[object] = []
    for seed in SEEDS:
        plan = replace(mutant.plan, seed=seed, worker_command=("tests.mutants.mutant", f"--mutant={name}"))
        report = await simulate(plan, tmp_path / f"run-{seed}", print)
        if {finding.promise for finding in report.findings} & mutant.breaks:
            return
        found += report.findings
    pytest.fail(f"{name}: nothing but {found}")


@pytest.mark.skipif(not WITH_CONTROLS, reason="only with SWARMLINE_TEST_CONTROLS=1")
@pytest.mark.parametrize("name", MUTANTS)
async def test_without_the_bug_the_same_run_is_clean(name: str, tmp_path: Path) -> None:
    plan = replace(MUTANTS[name].plan, settle_s=60.0)
    report = await simulate(plan, tmp_path / "run", print)
    assert list(report.findings) == []
