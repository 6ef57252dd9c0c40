"""Several processes behind one address are asked as one."""

import os

from tests.observe.scraping import figures, registry_over
from worker.observe.health import Health
from worker.observe.levels import Levels
from worker.observe.metrics import Metrics
from worker.observe.sheet import Sheet, new_sheet_file
from worker.observe.siblings import Siblings


def children(count: int) -> tuple[list[Sheet], list[Health]]:
    """Return processes that have begun, as a parent and as they themselves see them."""
    sheets = [Sheet() for _ in range(count)]
    healths = [Health(sheet, stall_s=10) for sheet in sheets]
    for sheet, health in zip(sheets, healths, strict=True):
        Levels(sheet).begin()
        health.begin()
    return sheets, healths


def up(health: Health) -> None:
    health.has_registered()
    health.redis_answered()


def test_all_must_have_come_up_once_and_one_that_is_ready_is_enough() -> None:
    sheets, (one, other) = children(2)
    siblings = Siblings(sheets, stall_s=10)
    assert not siblings.started()[0]
    up(one)
    assert siblings.started() == (False, "1 of 2 processes are up")
    assert siblings.ready() == (True, "1 of 2 processes are ready; process 1: not yet registered")
    up(other)
    assert siblings.started()[0]
    siblings.ended(1)
    assert siblings.started()[0], "it came up once"
    assert siblings.ready() == (True, "1 of 2 processes are ready")
    siblings.ended(0)
    assert siblings.ready() == (False, "0 of 2 processes are ready")
    assert siblings.live() == (True, "ok"), "the parent starts them again"


def test_one_that_is_stuck_is_named() -> None:
    sheets, healths = children(2)
    for health in healths:
        up(health)
    stalled = Siblings(sheets, stall_s=-1)
    alive, reason = stalled.live()
    assert not alive
    assert reason.startswith("process 0: the event loop is blocked")


def test_a_crash_is_counted_on_the_sheet_of_who_crashed_and_stays() -> None:
    fd = new_sheet_file()
    siblings = Siblings([Sheet(fd)], stall_s=10)
    for crashes in (1, 2):
        child = Metrics(Sheet(fd))
        child.begin()
        siblings.crashed(0)
        seen = figures(registry_over([Sheet(fd)]))
        assert seen["swarmline_process_crashes_total"] == seen["swarmline_process_starts_total"] == crashes
    os.close(fd)


def test_redis_must_answer_every_process() -> None:
    sheets, (one, other) = children(2)
    siblings = Siblings(sheets, stall_s=10)
    up(one)
    assert not siblings.redis_ok
    up(other)
    assert siblings.redis_ok
