"""The producer without async."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_py
from redis.asyncio import Redis

from producers import Emit, InvalidRequest, ReplyTimeout, SyncProducer
from tests.golden.examples import CLIENT_ITEMS, EVENTS
from tests.helpers.eventually import eventually
from tests.helpers.server import Server
from tests.producers.responder import Responder


@pytest.fixture
def sync_producer(server: Server) -> Iterator[SyncProducer]:
    """Hand out an open producer."""
    with SyncProducer(server.url) as producer:
        yield producer


@pytest.fixture
def sync_redis(server: Server) -> Iterator["redis_py.Redis[bytes]"]:
    """Hand out a client of the server."""
    with redis_py.Redis.from_url(server.url) as client:
        yield client


async def test_threads_share_one_producer(responder: Responder, sync_producer: SyncProducer) -> None:
    answers: list[str] = []

    def call() -> None:
        with ThreadPoolExecutor(8) as threads:
            replies = threads.map(lambda n: sync_producer.execute(f"c{n}", "support", str(n)), range(100))
            answers.extend(reply.output for reply in replies)

    caller = threading.Thread(target=call)
    caller.start()
    await eventually(lambda: len(answers) == 100, within_s=30)
    caller.join()
    assert answers == [str(n) for n in range(100)]
    assert len(set(responder.request_ids)) == 100


async def test_a_sent_request_has_a_result(responder: Responder, sync_producer: SyncProducer) -> None:
    results: list[str] = []

    def call() -> None:
        request_id = sync_producer.send("alice", "support", "execute", message="Hi")
        results.append(sync_producer.result(request_id).output)

    caller = threading.Thread(target=call)
    caller.start()
    await eventually(lambda: results == ["Hi"], within_s=30)
    caller.join()
    assert len(responder.entries) == 1


def test_errors_arrive_in_the_calling_thread(sync_producer: SyncProducer) -> None:
    with pytest.raises(ReplyTimeout):
        sync_producer.execute("alice", "support", "Hi", timeout_s=0.05)
    with pytest.raises(InvalidRequest):
        sync_producer.execute("ali ce", "support", "Hi")


def test_a_session_is_followed(sync_producer: SyncProducer, sync_redis: "redis_py.Redis[bytes]") -> None:
    items = sync_producer.stream("alice", "support")
    sync_redis.publish("swarmline:{0}:client:support:alice", CLIENT_ITEMS["emit"].to_json())
    item = next(items)
    assert isinstance(item, Emit)
    assert item == CLIENT_ITEMS["emit"]


def test_the_bus_is_followed(sync_producer: SyncProducer, sync_redis: "redis_py.Redis[bytes]") -> None:
    events = sync_producer.events()
    sync_redis.publish("swarmline:{0}:bus:alice", EVENTS["execute"].to_json())
    assert next(events) == EVENTS["execute"]


async def test_an_iterator_that_is_dropped_unsubscribes(sync_producer: SyncProducer, redis: Redis) -> None:
    events = sync_producer.events()
    assert await redis.pubsub_numpat() == 1
    del events

    async def is_unsubscribed() -> bool:
        return await redis.pubsub_numpat() == 0

    await eventually(is_unsubscribed)


def test_a_closed_producer_says_so(server: Server) -> None:
    producer = SyncProducer(server.url)
    with pytest.raises(RuntimeError, match="not open"):
        producer.send("alice", "support", "connect")
    producer.open()
    producer.close()
    producer.close()
    with pytest.raises(RuntimeError, match="not open"):
        producer.send("alice", "support", "connect")


def test_no_thread_is_left_when_it_does_not_open() -> None:
    before = threading.active_count()
    with pytest.raises(Exception, match="Redis"):
        SyncProducer("unix:///nowhere/s", connect_timeout_s=0.1).open()
    assert threading.active_count() == before
