"""What admission does with a request whose session is busy, full or throttled."""

import json

import pytest

from tests.store.stage import SID, Ears, Stage, StagedWorker, finish


async def make_held(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("busy-1")
    await worker.claim_one()


async def make_ready(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("busy-1")
    await worker.claim(0)


async def make_delayed(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("busy-1")
    await worker.release(await worker.claim_one(), wait_ms=60_000)


@pytest.mark.parametrize("make_busy", [make_held, make_ready, make_delayed])
async def test_reject_turns_away_while_the_session_is_busy(
    stage: Stage, worker: StagedWorker, ears: Ears, make_busy: object
) -> None:
    await make_busy(stage, worker)
    await stage.push("r-1", whenBusy="reject")
    assert (await worker.claim(0)).verdicts == {"rejected:busy": 1}
    result = await stage.result("r-1")
    assert (result["status"], result["output"], result["error"]["code"]) == ("rejected", "", "busy")
    assert [json.loads(data)["requestId"] for _, data in await ears.heard()] == ["r-1"]
    assert await stage.reasons() == [], "a rejection is no fault"


async def test_reject_lets_the_first_request_of_an_idle_session_pass(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", whenBusy="reject")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2", whenBusy="reject")
    await stage.push("r-3", whenBusy="reject")
    assert (await worker.claim()).verdicts == {"accepted": 1, "rejected:busy": 1}


async def test_the_swarm_says_what_happens_when_the_request_does_not(stage: Stage, worker: StagedWorker) -> None:
    await stage.announce(when_busy="reject")
    await stage.push_all(["r-1", "r-2"])
    await stage.push("r-3", whenBusy="enqueue")
    assert (await worker.claim()).verdicts == {"accepted": 2, "rejected:busy": 1}


async def test_a_rejected_request_sent_again_is_dropped_like_any_other(stage: Stage, worker: StagedWorker) -> None:
    await make_held(stage, worker)
    await stage.push("r-1", whenBusy="reject")
    await stage.push("r-1", whenBusy="reject")
    await stage.push("r-1", "bob")
    assert (await worker.claim(0)).verdicts == {"rejected:busy": 1, "deduplicated": 1, "dead:duplicate_id": 1}


async def test_throttle_accepts_one_request_in_its_time(stage: Stage, worker: StagedWorker) -> None:
    await stage.announce(when_busy="throttle", throttle_ms=60_000)
    await stage.push_all(["r-1", "r-2"])
    assert (await worker.claim(0)).verdicts == {"accepted": 1, "rejected:throttled": 1}
    assert (await stage.result("r-2"))["error"]["code"] == "throttled"
    await stage.redis.hset(stage.keys.session(SID), "throttled_at_ms", 1)
    await stage.push("r-3")
    assert (await worker.claim(0)).verdicts == {"accepted": 1}


async def test_the_throttle_is_remembered_while_the_session_is_idle(stage: Stage, worker: StagedWorker) -> None:
    await stage.announce(when_busy="throttle", throttle_ms=60_000)
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2")
    assert (await worker.claim()).verdicts == {"rejected:throttled": 1}
    assert (await stage.session())["status"] == "idle"


async def test_a_full_mailbox_turns_away(stage: Stage, worker: StagedWorker) -> None:
    await stage.announce(max_mailbox=2)
    await stage.push_all(["r-1", "r-2", "r-3"])
    await stage.push("r-4", "bob")
    assert (await worker.claim()).verdicts == {"accepted": 3, "rejected:mailbox_full": 1}
    result = await stage.result("r-3")
    assert (result["status"], result["error"]["code"]) == ("rejected", "mailbox_full")
    assert await stage.redis.llen(stage.keys.mailbox(SID)) == 2


async def test_a_full_mailbox_leaves_the_control_list_open_until_that_is_full(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.announce(max_mailbox=2)
    await stage.push_all(["r-1", "r-2"])
    await worker.claim()
    await stage.push_all(["c-1", "c-2", "c-3"], kind="notify")
    assert (await worker.claim()).verdicts == {"accepted": 2, "rejected:mailbox_full": 1}


@pytest.mark.parametrize("when_busy", ["interrupt", "rollback"])
async def test_an_interrupting_request_waits_in_line_and_signals_the_running_turn(
    stage: Stage, worker: StagedWorker, when_busy: str
) -> None:
    await make_held(stage, worker)
    await stage.push("r-1", whenBusy=when_busy)
    await worker.claim()
    assert [request.request_id for request in await worker.store.mailbox_of(SID)] == ["busy-1", "r-1"]
    (signal,) = await worker.store.control_of(SID)
    assert (signal.kind, signal.body) == (when_busy, b"busy-1")
    assert signal.request_id.startswith("~"), "no sender may choose such an id"


async def test_two_signals_of_one_moment_can_be_told_apart(stage: Stage, worker: StagedWorker) -> None:
    """The holder takes each control entry once, by its id: a second one of the same id would stay for ever."""
    await make_held(stage, worker)
    await stage.push_all(["r-1", "r-2"], whenBusy="rollback")
    await worker.claim()
    first, second = await worker.store.control_of(SID)
    assert first.request_id != second.request_id


@pytest.mark.parametrize("when_busy", ["interrupt", "rollback"])
async def test_nothing_is_signalled_when_no_turn_runs(stage: Stage, worker: StagedWorker, when_busy: str) -> None:
    await make_ready(stage, worker)
    await stage.push("r-1", whenBusy=when_busy)
    await worker.claim(0)
    assert await worker.store.control_of(SID) == []
    assert await stage.redis.llen(stage.keys.mailbox(SID)) == 2


async def test_coalesce_waits_in_line_and_says_so_to_the_worker(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"], whenBusy="coalesce")
    assert [request.when_busy for request in (await worker.claim_one()).requests] == ["coalesce", "coalesce"]


async def test_when_busy_counts_for_execute_only(stage: Stage, worker: StagedWorker) -> None:
    await make_held(stage, worker)
    await stage.push("r-1", kind="connect", whenBusy="reject")
    assert (await worker.claim()).verdicts == {"accepted": 1}
