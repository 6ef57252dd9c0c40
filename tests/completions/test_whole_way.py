"""From the wire through a worker process to a model's server and back."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from signal import SIGTERM

import pytest

from producers import Producer
from schemas.replies import Delta, Reply
from tests.completions.conftest import KEY
from tests.helpers.eventually import eventually
from tests.helpers.model_server import Answer, ModelServer, call, called, refused, said, silence, streamed
from tests.helpers.processes import SwarmlineProcess

SECRET = "my card is 4711 0815"
LOOK_UP = call("call_a", "order_status", {"order_id": 42})
LOOK_UP_TOO = call("call_b", "order_status", {"order_id": 7})


class Whole:
    """A worker, the server that its models ask, and a producer."""

    def __init__(self, worker: SwarmlineProcess, server: ModelServer, producer: Producer) -> None:
        self.worker = worker
        self.server = server
        self.producer = producer


Start = Callable[..., Awaitable[Whole]]


@pytest.fixture
async def start(redis_url: str, start_swarmline: Callable[..., SwarmlineProcess]) -> AsyncIterator[Start]:
    """Hand out a starter, to be given the answers of the server."""
    async with AsyncExitStack() as stack:

        async def started(*answers: Answer, app: str = "app") -> Whole:
            server = await stack.enter_async_context(ModelServer(*answers))
            producer = await stack.enter_async_context(Producer(redis_url))
            environment = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": KEY, "SWARMLINE_LOG_LEVEL": "DEBUG"}
            command = ("worker", "--app", f"tests.completions.{app}:app", "--redis-url", redis_url)
            worker = start_swarmline(*command, "--metrics-port", "-1", "--no-housekeeping", **environment)
            await worker.ready(within_s=40)
            return Whole(worker, server, producer)

        yield started


@pytest.mark.parametrize("app", ["app", "app_by_name"])
async def test_calls_are_made_and_their_outputs_go_back_to_the_model(start: Start, app: str) -> None:
    whole = await start(called(LOOK_UP, LOOK_UP_TOO), said("Both are packed."), app=app)
    reply = await whole.producer.execute("alice", "whole", "Where are orders 42 and 7?", timeout_s=30)
    assert (reply.status, reply.output) == ("completed", "Both are packed.")
    first, second = whole.server.asked
    assert first.tool_names == ["order_status"]
    assert [message["role"] for message in first.messages] == ["system", "user"]
    assert second.messages[-2:] == [
        {"role": "tool", "tool_call_id": "call_a", "content": "Order 42 is packed."},
        {"role": "tool", "tool_call_id": "call_b", "content": "Order 7 is packed."},
    ]


async def test_a_streamed_answer_reaches_who_listens(start: Start) -> None:
    whole = await start(streamed("On ", "its ", "way."))
    await whole.producer.send("alice", "streamed", "connect")
    pieces: list[str] = []
    answer = ""
    async for item in whole.producer.stream("alice", "streamed"):
        if isinstance(item, Delta):
            pieces.append(item.data)
        elif isinstance(item, Reply) and item.output:
            answer = item.output
        else:  # the reply to `connect`: from here on we listen
            await whole.producer.send("alice", "streamed", "execute", message="Where is order 42?")
        if answer and len(pieces) == 3:
            break
    assert (pieces, answer) == (["On ", "its ", "way."], "On its way.")


async def test_a_cancelled_turn_hangs_up_and_the_session_goes_on(start: Start) -> None:
    whole = await start(silence, said("Here I am."))
    request_id = await whole.producer.send("alice", "whole", "execute", message="Where is order 42?")
    await whole.server.until_asked()
    await whole.producer.send("alice", "whole", "cancel-output")
    assert (await whole.producer.result(request_id, client_id="alice", timeout_s=30)).status == "cancelled"
    await eventually(lambda: whole.server.left == 1)
    assert (await whole.producer.execute("alice", "whole", "Hello?", timeout_s=30)).output == "Here I am."


async def test_a_refused_key_fails_the_turn_and_the_log_says_what_to_change(start: Start) -> None:
    whole = await start(refused(401, "invalid_api_key", f"Incorrect API key provided: {KEY} for {SECRET}"))
    reply = await whole.producer.execute("alice", "whole", SECRET, timeout_s=30)
    assert reply.error is not None
    assert (reply.status, reply.error.code) == ("failed", "agent_error")
    assert reply.error.message == "the completion of agent 'sales' raised KeyRefused"
    log = whole.worker.stderr
    assert "the server refused the key (status 401, invalid_api_key): check the key" in log
    assert KEY not in log
    assert SECRET not in log


async def test_a_worker_that_stops_closes_its_connections(start: Start) -> None:
    whole = await start(said("ok"))
    await whole.producer.execute("alice", "whole", "Hello", timeout_s=30)
    whole.worker.send_signal(SIGTERM)
    assert await whole.worker.ended() == 0
    lines = [json.loads(line) for line in whole.worker.stderr.splitlines()]
    assert [line for line in lines if line["level"] == "error"] == []
    assert lines[-1]["event"] == "stopped"
