"""Requests for later, as arq finds them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from producers import InvalidRequest, Producer, QueueUnavailable
from schemas.keyspace import SEND_LATER_JOB
from schemas.wire import from_fields
from tests.conftest import StartServer

QUEUE = "swarmline:arq"
MOMENT = datetime(2030, 1, 2, tzinfo=UTC)

pytestmark = pytest.mark.unguarded_keyspace  # arq's queue holds the job


async def test_a_request_waits_in_the_queue_until_its_time(producer: Producer, redis: Redis) -> None:
    request_id = await producer.send_later("alice", "support", "execute", message="Hi", defer_until=MOMENT)
    assert await redis.zrange(QUEUE, 0, -1, withscores=True) == [
        (f"later:{request_id}".encode(), MOMENT.timestamp() * 1000)
    ]
    job = json.loads(await redis.get(f"arq:job:later:{request_id}"))
    assert job["f"] == SEND_LATER_JOB
    request = from_fields(job["a"][0])
    assert (request.request_id, request.client_id, request.body) == (request_id, "alice", '{"message":"Hi"}')


async def test_the_same_request_id_waits_once(producer: Producer, redis: Redis) -> None:
    for delay in (3_600, timedelta(hours=2)):
        await producer.send_later("alice", "support", "connect", request_id="r-1", defer_by=delay)
    assert await redis.zcard(QUEUE) == 1


async def test_a_waiting_request_outlives_its_time_for_a_while(producer: Producer, redis: Redis) -> None:
    request_id = await producer.send_later("alice", "support", "connect", defer_by=1)
    assert await redis.ttl(f"arq:job:later:{request_id}") > 24 * 3600


@pytest.mark.parametrize(
    "moment",
    [
        {},
        {"defer_by": 1, "defer_until": MOMENT},
        {"defer_until": MOMENT.replace(tzinfo=None)},
        {"defer_by": float("nan")},
        {"defer_by": float("inf")},
    ],
    ids=["none", "both", "no-time-zone", "nan", "inf"],
)
async def test_one_clear_moment_is_asked_for(producer: Producer, redis: Redis, moment: dict[str, datetime]) -> None:
    with pytest.raises(InvalidRequest, match="defer_"):
        await producer.send_later("alice", "support", "connect", **moment)
    assert await redis.zcard(QUEUE) == 0


async def test_a_request_that_can_not_be_is_refused_now(producer: Producer) -> None:
    with pytest.raises(InvalidRequest, match="message"):
        await producer.send_later("alice", "support", "execute", defer_by=1)


async def test_a_refusal_does_not_repeat_what_the_request_says(start_server: StartServer) -> None:
    server = start_server(options=("--min-replicas-to-write", "1"))
    async with Producer(server.url) as producer:
        for call in (
            producer.send_later("alice", "support", "execute", message="canary", defer_by=1),
            producer.export_session("canary", "support"),
        ):
            with pytest.raises(QueueUnavailable, match=r"NOREPLICAS Not enough good replicas to write\.") as refusal:
                await call
            assert "canary" not in str(refusal.value)
            assert "PSETEX" not in str(refusal.value)
