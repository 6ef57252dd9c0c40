"""A worker that was frozen in the middle of a turn wakes up when another one has taken the session over."""

import json
import signal

import pytest
import redis.asyncio as redis_asyncio

from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS
from tests.helpers.eventually import eventually, stays_so

pytestmark = [pytest.mark.timeout(60), pytest.mark.unguarded_keyspace]

SID = "slow:alice"
Redis = redis_asyncio.Redis


async def test_a_late_worker_is_fenced(start_worker: StartWorker, url: str) -> None:
    assert await answers_around_a_late_worker(start_worker, url) == ["first", "second"]


async def test_without_the_fence_the_late_worker_would_be_noticed(start_worker: StartWorker, url: str) -> None:
    assert await answers_around_a_late_worker(start_worker, url, mutant="no fence") == ["first", "first"]


async def answers_around_a_late_worker(start_worker: StartWorker, url: str, *, mutant: str = "") -> list[str]:
    """Return the request ids that were answered, in order."""
    module = "tests.mutants.mutant" if mutant else "worker"
    async with Redis.from_url(url) as client:
        late = start_worker(module=module, mutant=mutant)
        await late.ready()
        await push(client, "first", seconds=0.8)
        await eventually(lambda: holder_of(client))
        late.send_signal(signal.SIGSTOP)

        successor = start_worker(module=module, mutant=mutant)
        await successor.ready()
        await eventually(lambda: answers(client), within_s=10)
        await push(client, "second", seconds=2)
        await eventually(lambda: holder_of(client))

        late.send_signal(signal.SIGCONT)
        await eventually(lambda: has_two(client), within_s=10)
        await stays_so(lambda: late.is_running() and successor.is_running(), for_s=0.2)
        return await answers(client)


async def push(client: "Redis[bytes]", request_id: str, *, seconds: float) -> None:
    fields = {"v": "1", "requestId": request_id, "clientId": "alice", "swarmName": "slow", "kind": "execute"}
    await client.xadd(KEYS.requests, {**fields, "body": json.dumps({"message": str(seconds)})})


async def holder_of(client: "Redis[bytes]") -> bytes | None:
    status, holder = await client.hmget(KEYS.session(SID), "status", "holder")
    return holder if status == b"held" else None


async def answers(client: "Redis[bytes]") -> list[str]:
    return [json.loads(fields[b"data"])["requestId"] for _, fields in await client.xrange(KEYS.outbox(SID))]


async def has_two(client: "Redis[bytes]") -> bool:
    return len(await answers(client)) >= 2
