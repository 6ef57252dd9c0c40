"""Liveness and readiness follow from what the worker did."""

import asyncio
import threading

from tests.helpers.eventually import eventually_sync
from worker.observe.health import Health


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def working(clock: Clock) -> Health:
    health = Health(stall_s=10, now=clock)
    health.has_registered()
    health.redis_answered()
    return health


def test_a_worker_that_works_is_live_ready_and_started() -> None:
    health = working(Clock())
    assert health.live() == health.ready() == health.started() == (True, "ok")


def test_a_new_worker_gets_time_for_its_first_cycle_but_no_work() -> None:
    health = Health(now=Clock())
    assert health.live()[0]
    assert health.ready() == health.started() == (False, "not yet registered")


def test_without_claim_cycles_a_worker_is_dead_although_its_loop_beats() -> None:
    clock = Clock()
    health = working(clock)
    clock.now += 11
    health.beat()
    alive, reason = health.live()
    assert not alive
    assert "no claim cycle" in reason
    assert not health.ready()[0]
    health.claim_cycle()
    assert health.live()[0]


def test_without_beats_a_worker_is_dead_although_claims_are_counted() -> None:
    clock = Clock()
    health = working(clock)
    clock.now += 11
    health.claim_cycle()
    alive, reason = health.live()
    assert not alive
    assert "event loop is blocked" in reason


def test_a_redis_outage_costs_readiness_but_not_the_life_of_the_worker() -> None:
    clock = Clock()
    health = working(clock)
    health.redis_failed()
    health.claim_cycle()
    assert health.live()[0]
    assert health.ready() == (False, "Redis does not answer")
    health.redis_answered()
    assert health.ready()[0]


def test_an_old_answer_of_redis_does_not_count() -> None:
    clock = Clock()
    health = working(clock)
    clock.now += 11
    health.beat()
    health.claim_cycle()
    assert health.ready() == (False, "Redis does not answer")


def test_a_draining_worker_is_live_but_gets_no_work() -> None:
    health = working(Clock())
    health.drains()
    assert health.live()[0]
    assert health.ready() == (False, "draining")


def test_a_blocked_event_loop_shows_from_another_thread() -> None:
    blocker, health = threading.Event(), Health(stall_s=0.2)

    async def beat_then_block() -> None:
        health.beat()
        health.claim_cycle()
        blocker.wait(timeout=20)  # as a tool does that calls a blocking library

    thread = threading.Thread(target=asyncio.run, args=(beat_then_block(),))
    thread.start()
    try:
        assert health.live()[0]
        eventually_sync(lambda: not health.live()[0])
    finally:
        blocker.set()
        thread.join()
