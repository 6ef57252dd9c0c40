"""What Redis has forgotten to have let go is found, so that nothing that is sent to it waits for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.helpers.eventually import eventually
from tests.lane.at_work import KEYS, output, request_of, working
from tests.store.stage import SID, Stage, StagedWorker, finish
from worker import CompletionMessage, CompletionRequest
from worker.lane.outage import Outage
from worker.lane.releaser import Releaser
from worker.lane.strays import Strays
from worker.observe.health import Health
from worker.observe.metrics import Metrics

#: what a turn changes
OF_TURN = (KEYS.session(SID), KEYS.mailbox(SID), KEYS.held("w1"), KEYS.result("r-alice"))


@pytest.fixture
async def stage(redis: Redis, redis_url: str) -> AsyncIterator[Stage]:
    stage = Stage(redis, redis_url)
    await stage.announce()
    yield stage
    await stage.close()


def strays_of(worker: StagedWorker, held: set[str]) -> Strays:
    outage = Outage(Metrics(), Health(stall_s=10))
    releaser = Releaser(worker.store, outage, lambda _: None)
    return Strays(worker.store.noted, outage, held, releaser, every_s=3600)


async def test_a_session_whose_end_was_lost_is_run_again_and_serves_on(redis: Redis, redis_url: str) -> None:
    begun, may_end, runs = asyncio.Event(), asyncio.Event(), list[str]()

    async def run(request: CompletionRequest) -> CompletionMessage:
        begun.set()
        await may_end.wait()
        runs.append(request.last_user_message())
        return CompletionMessage(f"run {len(runs)}")

    async with asyncio.timeout(40), working(redis_url, run, lease_s=0.5, max_loop_stall_s=60):
        await redis.xadd(KEYS.requests, request_of("alice", "first"))
        await begun.wait()
        before = {key: await redis.dump(key) for key in OF_TURN}
        may_end.set()
        await eventually(lambda: output(redis, "alice"), within_s=20)
        await eventually(lambda: redis.zscore(KEYS.sessions, SID), within_s=20)
        # as after a failover to a replica that had not received the commit
        await redis.delete(KEYS.outbox(SID), KEYS.history(SID))
        await redis.zrem(KEYS.sessions, SID)
        for key, value in before.items():
            await redis.restore(key, 0, value, replace=True)
        await redis.xadd(KEYS.requests, request_of("alice", "second") | {"requestId": "r-second"})
        await eventually(lambda: redis.zscore(KEYS.sessions, SID), within_s=30)
    assert runs == ["first", "first", "second"]
    assert await redis.xlen(KEYS.outbox(SID)) == 2


async def test_what_is_a_stray_at_one_look_only_may_be_on_its_way(stage: Stage) -> None:
    worker, held = await stage.worker("w1"), set[str]()
    strays = strays_of(worker, held)
    await stage.push("r-1")
    session = await worker.claim_one()
    await strays.look()
    assert (await stage.session())["status"] == "held"
    held.add(SID)
    await strays.look()
    held.clear()
    await strays.look()
    assert (await stage.session())["status"] == "held", "it was no stray in between"
    assert await worker.commit(finish(session)) == ["ok"]


async def test_another_fence_is_another_stray(stage: Stage) -> None:
    worker = await stage.worker("w1")
    strays = strays_of(worker, set())
    await stage.push("r-1")
    await worker.claim_one()
    await strays.look()
    await stage.redis.hset(stage.keys.session(SID), "fence", "9-another")
    await strays.look()
    assert (await stage.session())["status"] == "held"
    await strays.look()
    found = await stage.session()
    assert (found["status"], found["holder"], found["attempts"]) == ("ready", "", "0"), "an attempt is not charged"
    assert await stage.redis.lrange(stage.keys.ready, 0, -1) == [SID.encode()]
