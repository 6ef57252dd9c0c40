"""A seed replays its schedule, and a wrong fault says which there are."""

import pytest

from worker.cli.simulate import by_the_clock
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


def test_faults_by_the_clock_come_at_their_times_and_are_the_same_for_a_seed() -> None:
    plan = Plan(seed=1, duration_s=10, every={"kill": 2.0, "freeze": 5.0})
    drawn = [(fault.at_s, fault.kind) for fault in draw(plan)]
    assert drawn == [
        (2.0, "kill"), (4.0, "kill"), (5.0, "freeze"), (6.0, "kill"), (8.0, "kill"), (10.0, "freeze"), (10.0, "kill"),
    ]  # fmt: skip
    assert draw(plan) == draw(plan)


@pytest.mark.parametrize("text", ["kill", "kill=", "kill=often", "kill=0", "kill=-1", "kill=nan"])
def test_a_clock_that_can_not_be_read_is_bad_configuration(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--every"):
        by_the_clock(text)


def test_an_unknown_fault_by_the_clock_names_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match="--every: no such fault: earthquake; there are kill"):
        draw(Plan(seed=1, every=by_the_clock("kill=2,earthquake=3")))
