"""A turn that waits for Redis does not use up its time."""

import json

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys
from tests.faults.conftest import StartWorker
from tests.helpers.eventually import eventually
from tests.helpers.server import Server
from worker.clock import sleep

pytestmark = [pytest.mark.timeout(60), pytest.mark.unguarded_keyspace]

KEYS = ShardKeys("swarmline", 0)


async def test_an_outage_longer_than_the_limits_of_a_turn_does_not_end_it(
    own_server: Server, start_worker: StartWorker
) -> None:
    await start_worker().ready()
    async with redis_asyncio.Redis.from_url(own_server.url) as client:
        fields = {"v": 1, "requestId": "r-1", "clientId": "alice", "swarmName": "hasty", "kind": "execute"}
        await client.xadd(KEYS.requests, {**fields, "body": '{"message":"go"}'})
        await eventually(lambda: client.xlen(KEYS.outbox("hasty:alice")), within_s=10)
        own_server.pause()
        await sleep(2.5)
        own_server.resume()

        async def replied() -> bool:
            return json.loads(await client.get(KEYS.result("r-1")))["status"] != "accepted"

        await eventually(replied, within_s=10)
        outbox = [json.loads(item[b"data"]) for _, item in await client.xrange(KEYS.outbox("hasty:alice"))]
    assert [item.get("data", item.get("status")) for item in outbox] == ["one", "two", "completed"]
