"""Housekeeping may keep its books on a Redis of its own; whoever asks something of it is told where."""

import json

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer, SyncProducer
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Wire
from tests.conftest import StartServer

pytestmark = pytest.mark.unguarded_keyspace  # sessions of this test live on


async def test_what_is_asked_of_housekeeping_goes_to_its_redis(
    redis: redis_asyncio.Redis,
    redis_url: str,
    own_wire: Wire,
    start_server: StartServer,
    start_worker: StartWorker,
) -> None:
    apart = start_server()
    environment = {"SWARMLINE_ARQ_REDIS_URL": apart.url, "SWARMLINE_REDIS_URL": redis_url}
    await start_worker("--housekeeping", **environment).ready()
    async with Producer(redis_url, arq_url=apart.url) as producer:
        kept = await producer.send_later("alice", "echo", "execute", message="Hello", defer_by=0)
        assert (await producer.result(kept, timeout_s=20)).output == "You said: Hello"
        exported = await producer.export_session("alice", "echo")
    assert exported is not None
    assert exported["turn"] == 1
    assert not await redis.exists("swarmline:arq")
    await own_wire.ask("bob", "echo", "Hello")


def test_a_sync_producer_asks_there_too(start_server: StartServer, redis_url: str) -> None:
    apart = start_server(tcp=True)
    with SyncProducer(redis_url, arq_url=apart.url) as producer:
        errand = producer.dispose_swarm("echo")
    import redis as redis_py  # noqa: PLC0415 - the other tests here are async

    with redis_py.Redis.from_url(apart.url) as client:
        job = json.loads(client.get(f"arq:job:dispose_swarm:{errand}") or b"{}")
    assert job["a"][0]["swarmName"] == "echo"
