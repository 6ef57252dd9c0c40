"""Following a session: from the outbox to the channel, over cuts, without gap or double."""

import asyncio

import pytest
from redis.asyncio import Redis

from producers import Delta, Emit, InvalidRequest, Producer, Reply
from producers.stream import Stream
from tests.helpers.eventually import eventually
from tests.producers.responder import Outbox, reply_to

REPLY = reply_to({"requestId": "r-1", "clientId": "alice", "swarmName": "support", "body": '{"message":"Hi"}'})


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    """Send to alice of support."""
    return Outbox(redis, "alice", "support")


async def texts(stream: Stream, count: int) -> list[str]:
    """Return the texts of the next items."""
    return [
        item.output if isinstance(item, Reply) else item.data for item in [await anext(stream) for _ in range(count)]
    ]


async def test_what_was_sent_before_and_after_comes_in_order(producer: Producer, outbox: Outbox) -> None:
    await outbox.emit("one")
    await outbox.emit("two")
    async with producer.stream("alice", "support", after=None) as stream:
        assert await texts(stream, 2) == ["one", "two"]
        await outbox.emit("three")
        assert await texts(stream, 1) == ["three"]


async def test_a_stream_resumes_after_a_seq(producer: Producer, outbox: Outbox) -> None:
    await outbox.emit("one")
    seq, _ = await outbox.emit("two")
    await outbox.emit("three")
    async with producer.stream("alice", "support", after=seq) as stream:
        assert await texts(stream, 1) == ["three"]


async def test_a_stream_resumes_after_an_outbox_entry(producer: Producer, outbox: Outbox) -> None:
    await outbox.emit("one")
    _, entry_id = await outbox.emit("two")
    await outbox.emit("three")
    async with producer.stream("alice", "support", after=entry_id) as stream:
        await outbox.emit("four")
        assert await texts(stream, 2) == ["three", "four"]


async def test_a_stream_may_begin_now(producer: Producer, outbox: Outbox) -> None:
    await outbox.emit("old")
    async with producer.stream("alice", "support", after="$") as stream:
        await outbox.emit("new")
        assert await texts(stream, 1) == ["new"]


async def test_a_stream_that_began_now_heals_its_gaps_too(producer: Producer, outbox: Outbox, redis: Redis) -> None:
    await outbox.emit("old")
    async with producer.stream("alice", "support", after="$") as stream:
        first = asyncio.create_task(texts(stream, 1))
        await outbox.emit("new")
        assert await first == ["new"]
        await redis.client_kill_filter(_type="pubsub")
        await outbox.emit("missed", is_published=False)
        assert await texts(stream, 1) == ["missed"]


async def test_the_outbox_is_read_page_by_page(producer: Producer, outbox: Outbox) -> None:
    sent = [str(n) for n in range(1_201)]
    for text in sent:
        await outbox.emit(text, is_published=False)
    async with producer.stream("alice", "support") as stream:
        assert await texts(stream, len(sent)) == sent


async def test_cuts_leave_no_gap_and_no_double(producer: Producer, outbox: Outbox, redis: Redis) -> None:
    sent = [str(n) for n in range(400)]
    async with producer.stream("alice", "support") as stream:
        received = asyncio.create_task(texts(stream, len(sent)))
        for text in sent:
            await outbox.emit(text)
            if int(text) % 50 == 25:
                await redis.client_kill_filter(_type="pubsub")
        assert await asyncio.wait_for(received, 40) == sent


async def test_a_reader_that_begins_late_gets_what_the_outbox_has_no_more(
    producer: Producer, outbox: Outbox, redis: Redis
) -> None:
    await outbox.emit("one")
    async with producer.stream("alice", "support") as stream:
        await outbox.emit("two")
        await outbox.emit("three")
        await redis.delete(outbox.key)  # the session was disposed
        await outbox.emit("four")
        await redis.client_kill_filter(_type="pubsub")
        await outbox.emit("five", is_published=False)
        assert await asyncio.wait_for(texts(stream, 4), 10) == ["two", "three", "four", "five"]


async def test_replies_and_deltas_are_part_of_the_stream(producer: Producer, redis: Redis, outbox: Outbox) -> None:
    delta = Delta(
        data="H", agent_name="a", client_id="alice", swarm_name="support", request_id="r-1", attempt=1, index=0
    )
    async with producer.stream("alice", "support") as stream:
        for published in (delta.to_json(), "rubbish", '{"v":1,"type":"later"}', REPLY, delta.to_json()):
            await redis.publish(outbox.channel, published)
        assert [type(await anext(stream)) for _ in range(3)] == [Delta, Reply, Delta]


async def test_other_sessions_are_not_heard(producer: Producer, redis: Redis, outbox: Outbox) -> None:
    async with producer.stream("alice", "support") as stream:
        await Outbox(redis, "bob", "support").emit("for bob")
        await Outbox(redis, "alice", "sales").emit("for another swarm")
        await outbox.emit("for alice")
        item = await anext(stream)
    assert isinstance(item, Emit)
    assert item.data == "for alice"


async def test_two_streams_of_one_session_get_everything(producer: Producer, outbox: Outbox) -> None:
    await outbox.emit("one")
    async with producer.stream("alice", "support") as first, producer.stream("alice", "support") as second:
        await outbox.emit("two")
        assert await texts(first, 2) == await texts(second, 2) == ["one", "two"]


async def test_leaving_the_loop_unsubscribes(producer: Producer, outbox: Outbox, redis: Redis) -> None:
    await outbox.emit("one")
    async for item in producer.stream("alice", "support"):
        assert isinstance(item, Emit)
        break

    async def is_unsubscribed() -> bool:
        return await redis.pubsub_channels(outbox.channel) == []

    await eventually(is_unsubscribed)


async def test_a_closed_stream_ends(producer: Producer) -> None:
    stream = producer.stream("alice", "support")
    await stream.opened()
    await stream.aclose()
    assert [item async for item in stream] == []


@pytest.mark.parametrize("after", ["yesterday", "1-2-3", "-1", -1, True])
async def test_a_wrong_place_to_resume_is_refused(producer: Producer, after: int | str) -> None:
    with pytest.raises(InvalidRequest, match="after"):
        producer.stream("alice", "support", after=after)
