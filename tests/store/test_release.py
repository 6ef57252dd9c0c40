"""Release hands sessions back whose turn did not end: ready at once, at the front, and nothing is charged."""

from dataclasses import replace

from tests.store.stage import SID, Stage, StagedWorker, finish
from worker.store.commits import HandBack, LiveOutput


async def test_a_released_session_is_claimed_next_and_not_charged(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", "alice")
    session = await worker.claim_one()
    await stage.push("r-2", "bob")
    await worker.claim(0)
    assert await worker.release(session) == ["ok"]
    assert await stage.names(stage.keys.ready) == [SID, "support:bob"]
    assert await stage.names(stage.keys.held("w1")) == []
    again = (await other.claim(1)).sessions[0]
    assert (again.sid, again.attempts, again.is_suspect) == (SID, 1, False)
    assert again.fence != session.fence


async def test_a_release_rings_the_bell(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.release(await worker.claim_one())
    assert await stage.redis.xlen(stage.keys.bell) == 1


async def test_after_a_release_the_old_fence_matches_nothing(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.release(session)
    assert await worker.commit(finish(session)) == ["fenced"]
    assert await worker.release(session) == ["fenced"]
    assert await stage.names(stage.keys.ready) == [SID]


async def test_a_session_lost_before_stays_charged_for_that(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await stage.reclaim(worker, other)
    again = await other.claim_one()
    assert again.attempts == 2
    await other.release(again)
    assert await stage.names(stage.keys.suspects) == [SID]
    third = await other.claim_one()
    assert (third.attempts, third.is_suspect) == (2, True)


async def test_requests_that_are_done_stay_done(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await worker.commit(finish(session, 0))
    await worker.release(session)
    again = await worker.claim_one()
    assert ([request.request_id for request in again.requests], again.attempts, again.turn) == (["r-2"], 1, 1)


async def test_the_journal_of_a_released_turn_goes_to_the_next_holder(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.flush(LiveOutput(session.sid, session.fence, [], [], {"r-1/step/0": "paid"}))
    await worker.release(session)
    again = await worker.claim_one()
    assert (again.attempts, again.stored.journal) == (1, {"r-1/step/0": "paid"})
    await worker.commit(finish(again, journaled=True))
    assert not await stage.redis.exists(stage.keys.journal(SID))


async def test_a_wrong_fence_releases_nothing_and_hurts_no_other(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    await worker.claim()
    bob = await stage.session("support:bob")
    answer = await worker.store.release(
        1, [HandBack(SID, "7-x"), HandBack("support:bob", bob["fence"]), HandBack("support:eve", "1-")]
    )
    assert answer.statuses == ["fenced", "ok", "fenced"]
    assert (await stage.session())["status"] == "held"
    assert await stage.keys_of("support:eve") == []


async def test_the_same_number_again_gives_the_same_answer(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    items = [HandBack(session.sid, session.fence)]
    first = await worker.store.release(1, items)
    assert (await worker.store.release(1, items)).statuses == first.statuses == ["ok"]
    assert await stage.names(stage.keys.ready) == [SID]
    assert (await worker.store.release(0, items)).statuses == ["fenced"], "a lower number changes nothing"


async def test_a_begun_disposal_goes_on_with_the_next_holder(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1", kind="connect")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("r-2", kind="dispose")
    session = await worker.claim_one()
    await worker.store.begin_dispose(session.sid, session.fence, may_call_off=False)
    await worker.release(session)
    again = await other.claim_one()
    assert (await stage.session())["status"] == "disposing"
    assert await other.commit(finish(again, dispose=True)) == ["ok"]
    assert await stage.keys_of() == []


async def test_a_handed_back_head_is_told_apart_from_its_next_try_and_then_forgotten(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push_all(["r-1", "r-2"])
    for times in range(3):
        session = await worker.claim_one()
        assert (session.attempts, session.stored.handbacks) == (1, times)
        await worker.release(session)
    session = await worker.claim_one()
    await worker.commit(finish(session, 0, journaled=True))
    await worker.release(replace(session, requests=session.requests[1:]))
    assert (await worker.claim_one()).stored.handbacks == 1


async def test_a_session_held_for_its_control_alone_takes_no_attempt_back(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("c-1", kind="notify")
    await worker.release(await worker.claim_one())
    session = await worker.claim_one()
    assert (session.stored.handbacks, session.attempts) == (0, 0)
