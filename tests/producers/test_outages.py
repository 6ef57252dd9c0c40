"""Lost replies, cut connections, restarts, refusals: nothing runs twice and nobody waits for ever."""

import asyncio

import pytest
from redis.asyncio import Redis

from producers import Producer, QueueUnavailable, replies
from producers.line import Address, Line, LineLost, end, keep_open
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.producers.responder import Responder
from worker.simulate.proxy import Proxy

#: far more than anything here takes; the callers' own time-outs are longer still
GUARD_S = 40


async def test_a_reply_that_was_not_published_is_found_by_its_key(producer: Producer, responder: Responder) -> None:
    responder.is_publishing = False
    async with asyncio.timeout(GUARD_S):
        reply = await producer.execute("alice", "support", "Hi", timeout_s=300)
    assert reply.output == "Hi"


async def test_cut_connections_lose_no_reply(responder: Responder, redis: Redis, redis_url: str) -> None:
    await redis.ping()
    others = {client["id"] for client in await redis.client_list()}
    async with Producer(redis_url) as producer:
        calls = [asyncio.create_task(load(producer, number)) for number in range(50)]
        for _ in range(10):
            await asyncio.wait(calls, timeout=0.05)
            for client in await redis.client_list():
                if client["id"] not in others:
                    await redis.execute_command("CLIENT", "KILL", "ID", client["id"])
        async with asyncio.timeout(GUARD_S):
            assert await asyncio.gather(*calls) == [20] * len(calls)
    assert len(set(responder.request_ids)) == 50 * 20


async def test_a_connection_that_is_lost_while_it_is_closed_is_not_made_again(redis_url: str) -> None:
    async def lost() -> None:
        keeper.cancel()
        raise LineLost("gone")

    async def serve(_line: Line) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(lost())

    keeper = asyncio.create_task(keep_open(Address(redis_url), serve, lambda _: True))
    async with asyncio.timeout(GUARD_S):
        await end(keeper)
    assert keeper.cancelled()


async def test_a_server_that_wants_a_password_says_so_and_keeps_nobody(start_server: StartServer) -> None:
    server = start_server()
    async with Redis.from_url(server.url) as redis:
        await redis.config_set("requirepass", "geheim")
    for _ in range(10):
        with pytest.raises(QueueUnavailable, match="Authentication required"):
            async with asyncio.timeout(GUARD_S):
                await Producer(server.url).open()


async def load(producer: Producer, number: int) -> int:
    """Call twenty times in a row and return how many replies were right."""
    messages = [f"message {n} of {number}" for n in range(20)]
    replies = [await producer.execute(f"c{number}", "support", text, timeout_s=300) for text in messages]
    return sum(reply.output == text for reply, text in zip(replies, messages, strict=True))


async def test_a_restart_of_redis_loses_no_reply(start_server: StartServer) -> None:
    server = start_server(appendonly=True)
    async with Responder(server.url) as responder, Producer(server.url) as producer:
        calls = [asyncio.create_task(load(producer, number)) for number in range(20)]
        await asyncio.wait(calls, timeout=0.1)
        server.restart()
        async with asyncio.timeout(GUARD_S):
            assert await asyncio.gather(*calls) == [20] * len(calls)
        assert len(set(responder.request_ids)) == 20 * 20


async def test_after_a_lost_answer_the_same_request_id_is_sent_again(start_server: StartServer) -> None:
    server = start_server(tcp=True)
    async with Responder(server.url) as responder, Proxy(server.port) as proxy, Producer(proxy.url) as producer:
        responder.is_answering = False
        proxy.drop_next_reply(to=b"XADD")
        call = asyncio.create_task(producer.execute("alice", "support", "Hi", timeout_s=300))
        await eventually(lambda: len(responder.entries) == 2, within_s=GUARD_S)
        await responder.answer(responder.entries[0])
        reply = await asyncio.wait_for(call, GUARD_S)
    assert proxy.lost_replies == 1
    assert responder.request_ids == [reply.request_id] * 2


async def test_a_reply_spares_the_second_sending(start_server: StartServer) -> None:
    server = start_server(tcp=True)
    async with Responder(server.url) as responder, Proxy(server.port) as proxy, Producer(proxy.url) as producer:
        proxy.drop_next_reply(to=b"XADD")
        async with asyncio.timeout(GUARD_S):
            replies = [await producer.execute("alice", "support", text, timeout_s=300) for text in ("Hi", "Ho")]
    assert [reply.output for reply in replies] == ["Hi", "Ho"]
    assert set(responder.request_ids) == {reply.request_id for reply in replies}


async def test_a_request_dropped_as_duplicate_gets_its_reply_from_the_key(start_server: StartServer) -> None:
    server = start_server(tcp=True)
    async with Responder(server.url) as responder, Proxy(server.port) as proxy, Producer(proxy.url) as producer:
        responder.is_publishing = False
        proxy.drop_next_reply(to=b"XADD")
        async with asyncio.timeout(GUARD_S):
            reply = await producer.execute("alice", "support", "Hi", timeout_s=300)
        assert responder.request_ids == [reply.request_id] * 2


async def test_a_send_is_repeated_under_its_id_too(start_server: StartServer) -> None:
    server = start_server(tcp=True)
    async with Responder(server.url) as responder, Proxy(server.port) as proxy, Producer(proxy.url) as producer:
        proxy.drop_next_reply(to=b"XADD")
        request_id = await producer.send("alice", "support", "execute", message="Hi", timeout_s=GUARD_S)
        await producer.result(request_id)
        assert responder.request_ids == [request_id] * 2


async def test_without_redis_a_producer_does_not_open(start_server: StartServer) -> None:
    server = start_server()
    server.kill()
    with pytest.raises(QueueUnavailable):
        await Producer(server.url, connect_timeout_s=0.2).open()


async def test_a_request_that_was_never_sent_is_surely_not_accepted(start_server: StartServer) -> None:
    server = start_server()
    async with Producer(server.url) as producer:
        server.kill()
        await producer_notices(producer)
        with pytest.raises(QueueUnavailable, match="was not accepted") as unavailable:
            await producer.execute("alice", "support", "Hi", timeout_s=0.2, request_id="r-1")
    assert not unavailable.value.may_be_accepted
    assert unavailable.value.request_id == "r-1"


async def producer_notices(producer: Producer) -> None:
    """Wait until the producer has seen that its connection is gone."""
    with pytest.raises(QueueUnavailable):
        await producer.send("alice", "support", "connect", timeout_s=0.2)


async def test_a_request_whose_answer_is_missing_may_be_accepted(start_server: StartServer) -> None:
    server = start_server()
    async with Producer(server.url) as producer:
        server.pause()
        try:
            with pytest.raises(QueueUnavailable, match="may have been accepted") as unavailable:
                await producer.execute("alice", "support", "Hi", timeout_s=0.3)
            with pytest.raises(QueueUnavailable, match="may have been accepted"):
                await producer.send("alice", "support", "connect", timeout_s=0.3)
        finally:
            server.resume()
    assert unavailable.value.may_be_accepted


async def test_an_outage_of_a_namespace_without_workers_is_outlasted_too(start_server: StartServer) -> None:
    server = start_server()
    async with Producer(server.url, connect_timeout_s=0.2) as producer:
        server.kill()
        await producer_notices(producer)
        call = asyncio.create_task(producer.execute("alice", "support", "Hi", timeout_s=300))
        await asyncio.wait([call], timeout=1.5)
        server.start()
        async with Responder(server.url):
            assert (await asyncio.wait_for(call, GUARD_S)).output == "Hi"


async def test_a_frozen_server_is_given_up(start_server: StartServer) -> None:
    server = start_server()
    async with Producer(server.url, answer_timeout_s=0.2, connect_timeout_s=0.2) as producer:
        server.pause()
        try:
            with pytest.raises(QueueUnavailable, match=r"did not answer|no connection"):
                await producer.send("alice", "support", "connect", timeout_s=2)
        finally:
            server.resume()
        assert await producer.send("alice", "support", "connect", timeout_s=GUARD_S)


async def test_a_call_outlasts_a_dead_network(start_server: StartServer) -> None:
    server = start_server(tcp=True)
    async with (
        Responder(server.url) as responder,
        Proxy(server.port) as proxy,
        Producer(proxy.url, answer_timeout_s=0.2, connect_timeout_s=0.5) as producer,
    ):
        proxy.black_hole()
        call = asyncio.create_task(producer.execute("alice", "support", "Hi", timeout_s=300))
        await asyncio.wait([call], timeout=1.0)
        assert not call.done()
        proxy.heal()
        reply = await asyncio.wait_for(call, GUARD_S)
        assert set(responder.request_ids) == {reply.request_id}


async def test_after_a_cut_the_results_of_all_who_wait_are_read(
    responder: Responder, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "FIRST_POLL_S", 1_000.0)  # no safety net but the one under test
    responder.is_publishing = False
    async with Producer(redis_url) as producer:
        call = asyncio.create_task(producer.execute("alice", "support", "Hi", timeout_s=300))
        await eventually(lambda: responder.entries)
        await eventually(lambda: redis.exists(responder.keys.result(responder.request_ids[0])))
        await redis.client_kill_filter(_type="pubsub")
        assert (await asyncio.wait_for(call, GUARD_S)).output == "Hi"


async def test_a_full_redis_refuses_at_once(start_server: StartServer) -> None:
    server = start_server(options=("--maxmemory", "1"))
    async with Producer(server.url) as producer:
        with pytest.raises(QueueUnavailable, match=r"maxmemory.*was not accepted"):
            await asyncio.wait_for(producer.execute("alice", "support", "Hi", timeout_s=300), GUARD_S)


async def test_a_wrong_password_is_told_at_once(redis_url: str) -> None:
    path = redis_url.removeprefix("unix://")
    with pytest.raises(QueueUnavailable, match="password"):
        await asyncio.wait_for(Producer(f"unix://nobody:wrong@{path}", connect_timeout_s=300).open(), GUARD_S)


async def test_a_user_who_may_not_subscribe_is_told_so(redis: Redis, redis_url: str) -> None:
    await redis.acl_setuser("deaf", enabled=True, nopass=True, categories=["+@all"], keys=["*"], reset_channels=True)
    path = redis_url.removeprefix("unix://")
    try:
        with pytest.raises(QueueUnavailable, match="refused the subscription"):
            await asyncio.wait_for(Producer(f"unix://deaf:x@{path}", connect_timeout_s=300).open(), GUARD_S)
    finally:
        await redis.acl_deluser("deaf")


async def test_closing_tells_those_who_wait(redis_url: str) -> None:
    producer = await Producer(redis_url).open()
    call = asyncio.create_task(producer.execute("alice", "support", "Hi", timeout_s=300))
    stream = producer.stream("alice", "support")
    following = asyncio.create_task(anext(stream))
    await asyncio.wait([call], timeout=0.1)
    await producer.close()
    for waiting in (call, following):
        with pytest.raises(QueueUnavailable, match="closed"):
            await asyncio.wait_for(waiting, GUARD_S)
