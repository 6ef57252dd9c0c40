"""Deregister ends a lease for good and leaves nothing of the worker behind."""

from tests.store.stage import SID, Stage, StagedWorker, finish


async def test_a_worker_that_leaves_is_forgotten(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    assert await worker.store.deregister() == 0
    assert await stage.redis.zscore(stage.keys.workers, "w1") is None
    assert await stage.redis.exists(stage.keys.ops("w1"), stage.keys.held("w1")) == 0
    assert not (await worker.renew()).registered


async def test_what_it_still_holds_is_given_back_at_once(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    late = await worker.claim_one()
    assert await worker.store.deregister() == 1
    assert await stage.names(stage.keys.ready) == [SID]
    assert await stage.redis.xlen(stage.keys.bell) == 1
    session = await other.claim_one()
    assert session.fence != late.fence


async def test_leaving_twice_does_no_harm(stage: Stage, worker: StagedWorker, other: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.claim_one()
    await worker.store.deregister()
    await other.claim_one()
    assert await worker.store.deregister() == 0
    assert (await stage.session())["holder"] == "w2"
