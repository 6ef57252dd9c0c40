"""Redis reaches its maxmemory while requests are under way: producers are refused, workers drain."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer, QueueUnavailable
from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS
from tests.helpers.eventually import eventually

pytestmark = pytest.mark.timeout(120)

Redis = redis_asyncio.Redis
REQUESTS = 20


@pytest.fixture
async def client(url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(url) as client:
        yield client


async def test_what_was_taken_is_answered_while_redis_is_full(
    start_worker: StartWorker, url: str, client: Redis
) -> None:
    worker = start_worker()
    await worker.ready()
    async with Producer(url) as producer:
        sent = [await producer.send(f"c{number}", "slow", "execute", message="0.5") for number in range(REQUESTS)]

        async def all_admitted() -> bool:
            return int(await client.hget(KEYS.cursor, "entries_read") or 0) == REQUESTS

        await eventually(all_admitted, within_s=20)
        await client.config_set("maxmemory", 1)
        for request_id in sent:
            assert (await producer.result(request_id, timeout_s=20)).status == "completed"
        assert worker.is_running()


async def test_a_producer_is_told_that_redis_is_full_and_goes_on_when_it_is_not(
    start_worker: StartWorker, url: str, client: Redis
) -> None:
    await start_worker().ready()
    async with Producer(url) as producer:
        await client.config_set("maxmemory", 1)
        with pytest.raises(QueueUnavailable, match="maxmemory"):
            await producer.send("alice", "proof", "execute", message="hello", timeout_s=1)
        await client.config_set("maxmemory", 0)
        assert (await producer.execute("alice", "proof", "hello")).status == "completed"
