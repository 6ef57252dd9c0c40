"""The same from Python, with the library that the project brings along."""

from collections.abc import AsyncIterator

import pytest

from producers import Producer
from tests.acceptance.wire import Wire
from tests.helpers.server import Server


@pytest.fixture
async def producer(house: Server, wire: Wire) -> AsyncIterator[Producer]:
    del wire  # it looks at the keyspace when the test is over
    async with Producer(house.url) as opened:
        yield opened


async def test_execute_waits_for_the_reply(producer: Producer, alice: str) -> None:
    reply = await producer.execute(alice, "support", "Hello", timeout_s=30)
    assert (reply.status, reply.output, reply.turn) == ("completed", "triage: Hello", 1)


async def test_a_request_may_be_sent_now_and_its_reply_fetched_later(producer: Producer, alice: str) -> None:
    request_id = await producer.send(alice, "support", "execute", message="count")
    reply = await producer.result(request_id, timeout_s=30)
    assert (reply.request_id, reply.output) == (request_id, "counted 1")
    assert await producer.result(request_id, timeout_s=30) == reply


async def test_a_refusal_is_a_reply_and_no_exception(producer: Producer, alice: str) -> None:
    reply = await producer.execute(alice, "guarded", "you stupid machine", timeout_s=30)
    assert reply.error is not None
    assert (reply.status, reply.error.code, reply.error.policy_name) == ("refused", "policy_refused", "polite")


async def test_the_stream_of_a_session_begins_with_what_was_missed(producer: Producer, alice: str) -> None:
    await producer.execute(alice, "support", "tell one two", timeout_s=30)
    types: list[str] = []
    async for item in producer.stream(alice, "support", after=None):
        types.append(item.type)
        if len(types) == 3:
            await producer.send(alice, "support", "notify", message="three")
        if len(types) == 5:
            break
    assert types == ["emit", "emit", "reply", "notify", "reply"]


async def test_library_and_plain_commands_speak_to_the_same_session(producer: Producer, wire: Wire, alice: str) -> None:
    assert (await wire.ask(alice, "support", "count"))["output"] == "counted 1"
    assert (await producer.execute(alice, "support", "count", timeout_s=30)).output == "counted 2"
    assert [item["output"] for item in await wire.outbox(alice, "support")] == ["counted 1", "counted 2"]
