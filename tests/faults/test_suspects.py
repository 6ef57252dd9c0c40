"""Sessions that were lost more than once run one at a time, but without a pause between them."""

import json

import redis.asyncio as redis_asyncio

from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS, Load
from tests.helpers.eventually import eventually
from tests.store.stage import Stage

SUSPECTS = 120


async def test_a_suspect_that_has_ended_lets_the_next_one_begin(start_worker: StartWorker, url: str) -> None:
    load = Load(url, sessions=SUSPECTS, requests=1)
    async with redis_asyncio.Redis.from_url(url) as client:
        await announced(start_worker)
        await load.run()
        await suspected(client, url)
        assert await client.llen(KEYS.suspects) == SUSPECTS
    worker = start_worker()
    await worker.ready()
    # a bell that nobody rings is heard after 1 s: too late for so many
    await load.answered(within_s=30)


async def test_a_session_is_cleared_when_its_head_has_ended(start_worker: StartWorker, url: str) -> None:
    async with redis_asyncio.Redis.from_url(url) as client:
        await announced(start_worker)
        for request_id, client_id, seconds in (("head", "alice", 0), ("long", "alice", 3), ("other", "bob", 0)):
            await push(client, request_id, client_id, seconds=seconds)
        await suspected(client, url)
        worker = start_worker()
        await worker.ready()

        async def all_answered() -> bool:
            replies = [await client.get(KEYS.result(name)) or b"" for name in ("head", "long", "other")]
            return all(b'"reply"' in reply for reply in replies)

        await eventually(all_answered, within_s=30)
        ended_at_ms = {
            name: json.loads(await client.get(KEYS.result(name)))["finishedAtMs"] for name in ("long", "other")
        }
        assert ended_at_ms["other"] < ended_at_ms["long"], "another suspect waited for a request that was never tried"


async def announced(start_worker: StartWorker) -> None:
    """Have a worker announce its swarms, and take it away."""
    worker = start_worker()
    await worker.ready()
    worker.kill()


async def suspected(client: "redis_asyncio.Redis[bytes]", url: str) -> None:
    """Have everything admitted, and make a suspect of every session that waits."""
    stage = Stage(client, url)
    admitting = await stage.worker("admitting")
    while (await admitting.claim(0)).admitted:
        pass
    await client.rename(KEYS.ready, KEYS.suspects)
    await client.zrem(KEYS.workers, "admitting")
    await stage.close()


async def push(client: "redis_asyncio.Redis[bytes]", request_id: str, client_id: str, *, seconds: float) -> None:
    fields = {"v": "1", "requestId": request_id, "clientId": client_id, "swarmName": "slow", "kind": "execute"}
    await client.xadd(KEYS.requests, {**fields, "body": json.dumps({"message": str(seconds)})})
