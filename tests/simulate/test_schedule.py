"""A seed replays its schedule, and a wrong fault says which there are."""

import pytest

from worker.errors import ConfigurationError
from worker.simulate.plan import Plan
from worker.simulate.schedule import KINDS, LOSES_CONFIRMED, draw


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(Plan(seed=7)) == draw(Plan(seed=7))
    assert draw(Plan(seed=7)) != draw(Plan(seed=8))


def test_a_long_schedule_has_every_kind_but_those_that_lose_what_was_confirmed() -> None:
    drawn = {fault.kind for fault in draw(Plan(seed=1, duration_s=600))}
    assert drawn == KINDS.keys() - LOSES_CONFIRMED


def test_only_the_chosen_faults_are_drawn() -> None:
    assert {fault.kind for fault in draw(Plan(seed=1, faults=("kill", "failover")))} == {"kill", "failover"}


def test_no_fault_begins_after_the_end() -> None:
    assert all(fault.at_s < 30 for fault in draw(Plan(seed=1, duration_s=30)))


def test_an_unknown_fault_names_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"no such fault: earthquake; there are kill"):
        draw(Plan(seed=1, faults=("earthquake",)))
