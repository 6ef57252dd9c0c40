"""A worker that has lost its lease gets a new one at once, and goes on under it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis as redis_py
from redis.asyncio import Redis

from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually
from worker import Agent, App, Swarm
from worker.completions import EchoCompletion
from worker.lane.observers import Observers
from worker.lane.worker import Worker
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.turn_line import no_line
from worker.settings import Settings
from worker.wiring import started_worker

KEYS = ShardKeys("swarmline", 0)
APP = App(swarms=[Swarm("support", agents=[Agent("echo", completion=EchoCompletion())], default_agent="echo")])
REQUEST = {"v": 1, "clientId": "alice", "swarmName": "support", "kind": "execute", "body": '{"message":"Hi"}'}


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[Worker]:
    """Hand out a worker whose next renewal by itself is a quarter of an hour away."""
    settings = Settings.model_validate({"redis_url": redis_url, "lease_s": 3600, "max_loop_stall_s": 3600})
    async with started_worker(APP, settings, "w1", Observers(Metrics(), Health(stall_s=10), no_line)) as worker:
        running = asyncio.create_task(worker.run())
        yield worker
        await worker.drain(1, 1)
        running.cancel()
        await asyncio.wait((running,))


async def is_answered_soon(redis: Redis) -> None:
    await redis.xadd(KEYS.requests, REQUEST | {"requestId": "r-1"})

    async def is_answered() -> bool:
        return b'"completed"' in (await redis.get(KEYS.result("r-1")) or b"")

    await eventually(is_answered, within_s=20)


@pytest.mark.usefixtures("worker")
async def test_when_redis_has_lost_everything_no_request_waits_for_the_next_renewal(redis: Redis) -> None:
    await redis.flushall()
    await is_answered_soon(redis)


async def test_a_new_lease_counts_although_the_loop_hears_of_it_together_with_the_loss(
    redis: Redis, redis_url: str, worker: Worker
) -> None:
    with redis_py.Redis.from_url(redis_url) as blocking:
        blocking.zrem(KEYS.workers, "w1")
        worker._heartbeat.renew_now()  # noqa: SLF001 - nobody else has a reason to
        while blocking.zscore(KEYS.workers, "w1") is None:
            """The loop stands still meanwhile."""
    await is_answered_soon(redis)
