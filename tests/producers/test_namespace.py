"""What the meta hash of a namespace makes of a producer."""

import asyncio
import json

import pytest
from redis.asyncio import Redis

from producers import InvalidRequest, Producer, ProtocolMismatch, QueueUnavailable, Reply
from tests.helpers.eventually import eventually
from tests.producers.responder import Responder, reply_to

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


async def test_who_follows_a_session_before_its_namespace_is_made_moves_to_the_right_shard(
    redis: Redis, redis_url: str
) -> None:
    async with Producer(redis_url) as producer, producer.stream("alice", "support") as stream:
        await redis.hset(META, mapping={"protocol": 1, "shards": 16})
        reply = reply_to({"requestId": "r-1", "clientId": "alice", "swarmName": "support", "body": '{"message":"Hi"}'})

        async def is_heard() -> bool:
            return await redis.publish("swarmline:{7}:client:support:alice", reply) > 0

        heard = asyncio.create_task(anext(stream))
        await eventually(is_heard)
        item = await heard
    assert isinstance(item, Reply)
    assert item.output == "Hi"


async def test_who_listens_to_a_client_before_the_namespace_is_made_moves_to_the_right_shard(
    redis: Redis, redis_url: str
) -> None:
    async with Producer(redis_url) as producer, producer.events(client_id="alice") as events:
        await redis.hset(META, mapping={"protocol": 1, "shards": 16})

        async def is_heard() -> bool:
            event = {"source": "order.paid", "payload": 1, "clientId": "alice", "requestId": None, "turn": None}
            return await redis.publish("swarmline:{7}:bus:alice", json.dumps({**event, "attempt": None, "atMs": 1})) > 0

        heard = asyncio.create_task(anext(events))
        await eventually(is_heard)
        assert (await heard).client_id == "alice"


@pytest.mark.parametrize("client_id", ["alice", None])
async def test_a_result_is_found_in_a_namespace_that_is_made_while_it_is_waited_for(
    redis: Redis, redis_url: str, client_id: str | None
) -> None:
    async with Producer(redis_url) as producer:
        waiting = asyncio.create_task(producer.result("r-1", client_id=client_id, timeout_s=20))
        await asyncio.sleep(0)  # noqa: TID251 - it has begun to look
        await redis.hset(META, mapping={"protocol": 1, "shards": 16})
        reply = reply_to({"requestId": "r-1", "clientId": "alice", "swarmName": "support", "body": '{"message":"Hi"}'})
        await redis.set("swarmline:{7}:result:r-1", reply, px=60_000)
        assert (await waiting).output == "Hi"


async def test_who_follows_a_namespace_that_turns_out_to_be_another_is_told(redis: Redis, redis_url: str) -> None:
    async with Producer(redis_url) as producer, producer.stream("alice", "support") as stream:
        await redis.hset(META, mapping={"protocol": 2, "shards": 1})
        with pytest.raises(QueueUnavailable, match="speaks protocol 2"):
            await anext(stream)


async def test_namespaces_do_not_hear_each_other(responder: Responder, redis: Redis, redis_url: str) -> None:
    async with Producer(redis_url, namespace="other") as producer:
        await producer.send("alice", "support", "connect")
    assert await redis.xlen("other:{0}:requests") == 1
    assert responder.entries == []


@pytest.mark.parametrize(
    ("url", "settings", "why"),
    [
        ("http://localhost", {}, "redis://"),
        ("redis://localhost/0?db=first", {}, "must be numbers"),
        ("redis://localhost/first", {}, "the number of a database"),
        ("redis://localhost", {"arq_url": "redis://localhost/first"}, "the number of a database"),
        ("redis://localhost", {"arq_url": "http://localhost"}, "redis://"),
        ("redis://localhost?pool=3", {}, "'pool'"),
        ("rediss://localhost?ssl_cert_reqs=maybe", {}, "maybe"),
        ("redis://localhost", {"namespace": "a{b}"}, "namespace"),
        ("redis://localhost", {"shards": 0}, "shards"),
        ("redis://localhost", {"connect_timeout_s": 0}, "connect_timeout_s"),
        ("redis://localhost", {"answer_timeout_s": float("nan")}, "answer_timeout_s"),
    ],
)
def test_settings_that_can_not_be_are_refused(url: str, settings: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        Producer(url, **settings)


def test_the_password_never_shows() -> None:
    producer = Producer("redis://user:canary@localhost")
    assert "canary" not in repr(vars(producer))
