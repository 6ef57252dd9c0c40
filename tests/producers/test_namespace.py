"""What the meta hash of a namespace makes of a producer."""

import pytest
from redis.asyncio import Redis

from producers import InvalidRequest, Producer, ProtocolMismatch
from tests.helpers.eventually import eventually
from tests.producers.responder import Responder

META = "swarmline:meta"


async def test_another_protocol_version_is_refused(redis: Redis, redis_url: str) -> None:
    await redis.hset(META, mapping={"protocol": 2, "shards": 1})
    with pytest.raises(ProtocolMismatch, match="speaks protocol 2"):
        await Producer(redis_url).open()


async def test_another_number_of_shards_is_refused(redis: Redis, redis_url: str) -> None:
    await redis.hset(META, mapping={"protocol": 1, "shards": 4})
    with pytest.raises(ProtocolMismatch, match="has 4 shards, not 2"):
        await Producer(redis_url, shards=2).open()


async def test_a_meta_hash_of_somebody_else_is_refused(redis: Redis, redis_url: str) -> None:
    await redis.hset(META, mapping={"protocol": 1, "shards": "many"})
    with pytest.raises(ProtocolMismatch, match="not written by a worker"):
        await Producer(redis_url).open()


async def test_each_client_is_served_by_its_shard(redis: Redis, redis_url: str) -> None:
    await redis.hset(META, mapping={"protocol": 1, "shards": 16})
    async with Responder(redis_url, shard=7), Responder(redis_url, shard=2), Producer(redis_url) as producer:
        assert (await producer.execute("alice", "support", "Hi")).output == "Hi"
        reply = await producer.execute("клиент-7", "support", "Привет")
        assert reply.output == "Привет"
        assert await producer.result(reply.request_id) == reply
    assert await redis.xlen("swarmline:{7}:requests") == 1
    assert await redis.xlen("swarmline:{2}:requests") == 1


async def test_a_namespace_that_is_made_later_is_noticed(redis: Redis, redis_url: str) -> None:
    async with Producer(redis_url) as producer:
        await producer.send("alice", "support", "connect")
        await redis.hset(META, mapping={"protocol": 1, "shards": 16})

        async def is_noticed() -> bool:
            await producer.send("alice", "support", "connect")
            return bool(await redis.xlen("swarmline:{7}:requests"))

        await eventually(is_noticed)
        async with Responder(redis_url, shard=7):
            assert (await producer.execute("alice", "support", "Hi")).output == "Hi"


async def test_namespaces_do_not_hear_each_other(responder: Responder, redis: Redis, redis_url: str) -> None:
    async with Producer(redis_url, namespace="other") as producer:
        await producer.send("alice", "support", "connect")
    assert await redis.xlen("other:{0}:requests") == 1
    assert responder.entries == []


@pytest.mark.parametrize(
    ("url", "settings", "why"),
    [
        ("http://localhost", {}, "redis://"),
        ("redis://localhost", {"namespace": "a{b}"}, "namespace"),
        ("redis://localhost", {"shards": 0}, "shards"),
    ],
)
def test_settings_that_can_not_be_are_refused(url: str, settings: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        Producer(url, **settings)


def test_the_password_never_shows() -> None:
    producer = Producer("redis://user:canary@localhost")
    assert "canary" not in repr(vars(producer))
