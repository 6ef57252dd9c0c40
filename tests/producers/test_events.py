"""Following the bus."""

from redis.asyncio import Redis

from producers import BusEvent, CustomEvent, Producer
from tests.golden.examples import EVENTS

EXECUTED = EVENTS["execute"]
CUSTOM = EVENTS["custom"]


async def test_the_events_of_one_client_are_heard(producer: Producer, redis: Redis) -> None:
    async with producer.events(client_id="alice") as events:
        await redis.publish("swarmline:{0}:bus:bob", EXECUTED.to_json())
        await redis.publish("swarmline:{0}:bus:alice", EXECUTED.to_json())
        await redis.publish("swarmline:{0}:bus:alice", CUSTOM.to_json())
        assert [await anext(events), await anext(events)] == [EXECUTED, CUSTOM]
        assert isinstance(EXECUTED, BusEvent)
        assert isinstance(CUSTOM, CustomEvent)


async def test_the_events_of_all_clients_and_shards_are_heard(producer: Producer, redis: Redis) -> None:
    async with producer.events() as events:
        for channel in ("swarmline:{0}:bus:alice", "swarmline:{12}:bus:bob"):
            await redis.publish(channel, EXECUTED.to_json())
        assert [await anext(events), await anext(events)] == [EXECUTED, EXECUTED]


async def test_channels_that_only_look_like_the_bus_are_dropped(producer: Producer, redis: Redis) -> None:
    foreign = ("swarmline:{x}:bus:alice", "swarmline:{0}:client:s:{}:bus:alice", "swarmline:{}:bus:alice")
    async with producer.events() as events:
        for channel in foreign:
            assert await redis.publish(channel, CUSTOM.to_json()) == 1
        await redis.publish("swarmline:{0}:bus:alice", EXECUTED.to_json())
        assert await anext(events) == EXECUTED


async def test_rubbish_on_the_bus_is_passed_over(producer: Producer, redis: Redis) -> None:
    async with producer.events(client_id="alice") as events:
        for text in ("rubbish", "{}", EXECUTED.to_json()):
            await redis.publish("swarmline:{0}:bus:alice", text)
        assert await anext(events) == EXECUTED


async def test_events_go_on_after_a_cut(producer: Producer, redis: Redis) -> None:
    async with producer.events(client_id="alice") as events:
        await redis.client_kill_filter(_type="pubsub")
        async with producer.events(client_id="alice"):  # opened on the new connection, so the first one is as well
            await redis.publish("swarmline:{0}:bus:alice", EXECUTED.to_json())
            assert await anext(events) == EXECUTED
