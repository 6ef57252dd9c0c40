"""What a caller learns when there is no reply in time."""

import pytest
from redis.asyncio import Redis

from producers import Producer, ReplyTimeout, Status
from tests.conftest import StartServer
from tests.producers.responder import Responder

SESSION_KEY = "swarmline:{0}:session:support:alice"


async def test_a_request_that_no_worker_accepted_is_unknown(producer: Producer) -> None:
    with pytest.raises(ReplyTimeout, match="no worker has accepted it") as timeout:
        await producer.execute("alice", "support", "Hi", timeout_s=0.05, request_id="r-1")
    assert (timeout.value.state, timeout.value.request_id) == ("unknown", "r-1")
    assert "r-1 within 0.05 s" in str(timeout.value)


@pytest.mark.parametrize(
    ("session", "state", "words"),
    [
        ({"status": "ready"}, "waiting", "waits for a worker"),
        ({"status": "delayed"}, "waiting", "waits for a retry"),
        ({"status": "held", "holder": "w-17"}, "held", "held by worker w-17"),
    ],
)
async def test_an_accepted_request_is_found_where_its_session_is(
    producer: Producer, responder: Responder, redis: Redis, session: dict[str, str], state: str, words: str
) -> None:
    responder.is_answering = False
    await redis.hset(SESSION_KEY, mapping=session)
    with pytest.raises(ReplyTimeout, match=words) as timeout:
        await producer.execute("alice", "support", "Hi", timeout_s=1)
    assert timeout.value.state == state
    assert timeout.value.holder == session.get("holder", "")


async def test_an_accepted_request_without_a_session_is_unknown(producer: Producer, responder: Responder) -> None:
    responder.is_answering = False
    with pytest.raises(ReplyTimeout, match="session is not to be found") as timeout:
        await producer.execute("alice", "support", "Hi", timeout_s=1)
    assert timeout.value.state == "unknown"


async def test_a_reply_that_is_there_in_the_last_moment_is_returned(producer: Producer, responder: Responder) -> None:
    responder.is_publishing = False
    reply = await producer.execute("alice", "support", "Hi", timeout_s=0.5)
    assert reply.status == Status.COMPLETED


async def test_a_result_that_never_comes_is_a_timeout(producer: Producer) -> None:
    with pytest.raises(ReplyTimeout) as timeout:
        await producer.result("r-1", timeout_s=0.05)
    assert timeout.value.state == "unknown"


async def test_when_redis_is_gone_the_timeout_says_so(start_server: StartServer) -> None:
    server = start_server()
    async with Producer(server.url) as producer:
        await producer.send("alice", "support", "execute", message="Hi", request_id="r-1")
        server.kill()
        with pytest.raises(ReplyTimeout, match="could not be asked") as timeout:
            await producer.result("r-1", timeout_s=0.05)
    assert timeout.value.state == "unknown"


async def test_a_timeout_is_also_a_timeout_of_python(producer: Producer) -> None:
    with pytest.raises(TimeoutError):
        await producer.execute("alice", "support", "Hi", timeout_s=0.05)
