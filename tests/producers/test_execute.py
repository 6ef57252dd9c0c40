"""Calls and their replies, when all is well."""

import asyncio

import pytest
from redis.asyncio import Redis

from producers import InvalidRequest, Producer, ProtocolMismatch, Reply, Status
from schemas.wire import from_fields
from tests.helpers.eventually import eventually
from tests.producers.responder import Responder


async def test_the_reply_to_a_message_comes_back(producer: Producer, responder: Responder) -> None:
    reply = await producer.execute("alice", "support", "Where is order 42?", timeout_s=30)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.output) == (Status.COMPLETED, "Where is order 42?")
    assert [reply.request_id] == responder.request_ids


async def test_a_plain_message_is_sent_as_the_protocol_says(producer: Producer, responder: Responder) -> None:
    reply = await producer.execute("клиент-7", "support", "Привет: 42")
    sent = from_fields(responder.entries[0])
    assert (sent.client_id, sent.swarm_name, sent.kind) == ("клиент-7", "support", "execute")
    assert sent.body == '{"message":"Привет: 42"}'
    assert sent.reply_to.startswith("swarmline:{0}:reply:")
    assert reply.output == "Привет: 42"


async def test_everything_that_a_caller_sets_is_sent(producer: Producer, responder: Responder) -> None:
    await producer.execute(
        "alice",
        "support",
        "Hi",
        request_id="r-1",
        mode="tool",
        agent_name="triage",
        payload={"order": [42]},
        when_busy="coalesce",
        deadline_ms=1_795_365_314_230,
        traceparent="00-1-2-01",
    )
    sent = from_fields(responder.entries[0])
    assert sent.body == '{"message":"Hi","mode":"tool","agentName":"triage","payload":{"order":[42]}}'
    assert (sent.request_id, sent.when_busy, sent.deadline_ms) == ("r-1", "coalesce", 1_795_365_314_230)
    assert sent.traceparent == "00-1-2-01"


async def test_two_thousand_calls_share_two_connections(responder: Responder, redis: Redis, redis_url: str) -> None:
    responder.is_answering = False
    await redis.ping()
    before = await connections(redis)
    async with Producer(redis_url) as producer:
        calls = [asyncio.create_task(producer.execute(f"c{n}", "support", f"message {n}")) for n in range(2_000)]
        await eventually(lambda: len(responder.entries) == len(calls), within_s=20)
        assert len(await connections(redis) - before) == 2
        for fields in responder.entries:
            await responder.answer(fields)
        replies = await asyncio.gather(*calls)
    assert [reply.output for reply in replies] == [f"message {n}" for n in range(2_000)]
    assert len(set(responder.request_ids)) == 2_000


async def connections(redis: Redis) -> set[str]:
    """Return the ids of all connections to the server."""
    return {client["id"] for client in await redis.client_list()}


async def test_requests_of_one_caller_keep_their_order(producer: Producer, responder: Responder) -> None:
    await asyncio.gather(*(producer.execute("alice", "support", str(n)) for n in range(300)))
    assert [fields["body"] for fields in responder.entries] == [f'{{"message":"{n}"}}' for n in range(300)]


async def test_a_sent_request_is_answered_later_and_elsewhere(
    producer: Producer, responder: Responder, redis_url: str
) -> None:
    request_id = await producer.send("alice", "support", "execute", message="Hi")
    assert "replyTo" not in (await elsewhere(redis_url, request_id, responder))


async def elsewhere(redis_url: str, request_id: str, responder: Responder) -> dict[str, str]:
    """Ask another producer for the result, and return the fields of the request."""
    async with Producer(redis_url) as other:
        reply = await other.result(request_id, timeout_s=30)
    assert reply.output == "Hi"
    return responder.entries[0]


async def test_a_result_may_be_asked_for_before_it_is_there(producer: Producer, responder: Responder) -> None:
    asked = asyncio.create_task(producer.result("r-9", client_id="alice", timeout_s=30))
    await producer.send("alice", "support", "execute", message="Hi", request_id="r-9")
    assert (await asked).request_id == "r-9"
    assert responder.request_ids == ["r-9"]


async def test_any_kind_can_be_sent(producer: Producer, responder: Responder) -> None:
    await producer.send("alice", "support", "dispose", force=True)
    await producer.send("alice", "support", "commit-tool-output", tool_id="call_1", content="done")
    await producer.send("alice", "support", "event", topic="order.paid", payload=None)
    last = await producer.send("alice", "support", "connect")
    await producer.result(last)
    sent = [(fields["kind"], fields["body"], fields.get("force")) for fields in responder.entries]
    assert sent == [
        ("dispose", "{}", "1"),
        ("commit-tool-output", '{"toolId":"call_1","content":"done"}', None),
        ("event", '{"topic":"order.paid","payload":null}', None),
        ("connect", "{}", None),
    ]


async def test_two_callers_with_one_request_id_get_the_one_reply(producer: Producer, responder: Responder) -> None:
    calls = [producer.execute("alice", "support", "Hi", request_id="r-1") for _ in range(2)]
    first, second = await asyncio.gather(*calls)
    assert first == second
    assert responder.request_ids == ["r-1"]


async def test_the_reply_of_another_client_is_never_handed_out(
    producer: Producer, responder: Responder, redis: Redis
) -> None:
    await producer.execute("alice", "support", "my secret", request_id="r-1")
    with pytest.raises(InvalidRequest, match="another client"):
        await producer.execute("mallory", "support", "Hi", request_id="r-1")
    assert await redis.exists(responder.keys.result("r-1"))


async def test_a_reply_of_another_version_ends_the_call_it_is_for(
    producer: Producer, responder: Responder, redis: Redis
) -> None:
    responder.is_answering = False
    ours, other = (asyncio.create_task(producer.execute("alice", "support", text)) for text in ("Hi", "Ho"))
    await eventually(lambda: len(responder.entries) == 2)
    fields = next(fields for fields in responder.entries if fields["body"] == '{"message":"Hi"}')
    for published in ("no JSON", '{"v":2}', f'{{"v":2,"requestId":"{fields["requestId"]}"}}'):
        await redis.publish(fields["replyTo"], published)
    with pytest.raises(ProtocolMismatch, match="not a reply of version 1"):
        await ours
    for fields in responder.entries:
        await responder.answer(fields)
    assert (await other).output == "Ho"


async def test_nothing_is_sent_for_a_call_that_is_wrong(producer: Producer, redis: Redis) -> None:
    with pytest.raises(InvalidRequest, match="client_id must have 1 to 128 characters, no blanks, no controls"):
        await producer.execute("ali ce", "support", "Hi")
    with pytest.raises(InvalidRequest, match="swarm_name"):
        await producer.send("alice", "my swarm", "connect")
    with pytest.raises(InvalidRequest, match="request_id"):
        await producer.result("not an id")
    with pytest.raises(InvalidRequest, match="client_id"):
        producer.stream("a*", "support")
    with pytest.raises(InvalidRequest, match="client_id"):
        producer.events(client_id="a*")
    with pytest.raises(InvalidRequest, match=r"^body of event: topic: this topic is a source of the system: choose"):
        await producer.send("alice", "support", "event", topic="session-bus", payload=None)
    with pytest.raises(InvalidRequest, match="unknown reason: use one of malformed, too_large"):
        await producer.redrive_dead_letters(reason="rubbish")
    assert await redis.keys() == []
