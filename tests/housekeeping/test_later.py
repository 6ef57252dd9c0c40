"""A request that was kept goes onto the stream at its time, however often its job is run."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio
from arq.worker import Retry

from producers import Producer
from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from tests.helpers.eventually import eventually
from tests.housekeeping.recording import Seen
from worker.housekeeping.chores import HOUSEHOLD
from worker.housekeeping.later import send_later
from worker.housekeeping.outlet import Outlet
from worker.housekeeping.supervise import HousekeepingPlan, supervise_housekeeping

KEPT = {"v": "1", "requestId": "r-1", "clientId": "alice", "swarmName": "support", "kind": "execute", "body": "{}"}
SHARDS = 16


@pytest.fixture
async def outlet(redis_url: str) -> AsyncIterator[Outlet]:
    outlet = Outlet(redis_url, "swarmline", SHARDS)
    yield outlet
    await outlet.close()


async def test_a_kept_request_goes_to_the_shard_of_its_client(redis: redis_asyncio.Redis, outlet: Outlet) -> None:
    await send_later({HOUSEHOLD: Seen(outlet=outlet).household}, KEPT)
    ((_, fields),) = await redis.xrange(ShardKeys("swarmline", shard_of("alice", SHARDS)).requests)
    assert {key.decode(): value.decode() for key, value in fields.items()} == KEPT


async def test_without_redis_a_request_is_kept_longer() -> None:
    seen = Seen(outlet=Outlet("redis://127.0.0.1:1", "swarmline", 1))
    with pytest.raises(Retry):
        await send_later({HOUSEHOLD: seen.household}, KEPT)
    assert seen.unavailable == ["send_later"]


async def test_a_worker_without_outlet_leaves_a_request_to_another() -> None:
    with pytest.raises(Retry):
        await send_later({HOUSEHOLD: Seen().household}, KEPT)


async def test_a_job_that_is_no_request_writes_nothing(redis: redis_asyncio.Redis, outlet: Outlet) -> None:
    await send_later({HOUSEHOLD: Seen(outlet=outlet).household}, {"v": "1", "kind": "execute"})
    assert await redis.keys() == []


@pytest.mark.unguarded_keyspace  # arq keeps its queue outside the keyspace
async def test_what_a_producer_keeps_housekeeping_sends(redis: redis_asyncio.Redis, redis_url: str) -> None:
    outlet = Outlet(redis_url, "swarmline", 1)
    plan = HousekeepingPlan(redis_url=redis_url, namespace="swarmline")
    running = asyncio.create_task(supervise_housekeeping(plan, Seen(outlet=outlet).household))
    try:
        async with Producer(redis_url) as producer:
            request_id = await producer.send_later("alice", "support", "execute", message="Hi", defer_by=0.1)
        requests = ShardKeys("swarmline", 0).requests

        async def sent() -> list[tuple[bytes, dict[bytes, bytes]]]:
            return await redis.xrange(requests)

        ((_, fields),) = await eventually(sent, within_s=20)
        assert fields[b"requestId"].decode() == request_id
    finally:
        running.cancel()
        await asyncio.wait([running])
        await outlet.close()
