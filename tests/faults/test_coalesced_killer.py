"""A request that kills workers, among others that are answered together with it."""

import asyncio

import pytest
import redis.asyncio as redis_asyncio

from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS, Load
from tests.helpers.eventually import eventually

pytestmark = pytest.mark.timeout(150)

MESSAGES = {"r-1": "hello", "r-2": "hello", "r-3": "poison"}
#: two attempts together, a third in which it is found alone; then two more, of its own
MOST_WORKERS = 8


async def test_only_the_killer_is_buried(start_worker: StartWorker, url: str) -> None:
    client = redis_asyncio.Redis.from_url(url)
    async with client.pipeline() as pipe:
        for request_id, message in MESSAGES.items():
            entry = {"v": "1", "requestId": request_id, "clientId": "alice", "swarmName": "poison", "kind": "execute"}
            entry |= {"whenBusy": "coalesce", "body": f'{{"message":"{message}"}}'}
            pipe.xadd(KEYS.requests, entry)
        await pipe.execute()
    workers = [start_worker()]

    async def replace_the_dead() -> None:
        while len(workers) < MOST_WORKERS:
            await eventually(lambda: not workers[-1].is_running(), within_s=120)
            workers.append(start_worker())

    replacing = asyncio.create_task(replace_the_dead())
    load = Load(url, sessions=0, requests=0, sent={"alice": list(MESSAGES)})
    await load.answered(within_s=100)
    replacing.cancel()
    replies = {name: await client.get(KEYS.result(name)) for name in MESSAGES}
    assert b'"attempts_exhausted"' in replies.pop("r-3")
    assert all(b'"status":"completed"' in reply for reply in replies.values())
    assert [fields[b"orig.requestId"] for _, fields in await client.xrange(KEYS.dead)] == [b"r-3"]
    await client.aclose()
