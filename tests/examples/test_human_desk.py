"""The example with a human: a worker, a desk with somebody at it, and a client, as its page says."""

from collections.abc import Callable

import redis.asyncio as redis_asyncio

from tests.acceptance.wire import Wire
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess

Start = Callable[..., SwarmlineProcess]
NO_MODEL = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}


async def test_a_human_at_the_desk_answers_and_gives_back(
    start_swarmline: Start, redis: redis_asyncio.Redis, redis_url: str
) -> None:
    wire = Wire(redis)
    command = ("worker", "--app", "examples.human:app", "--redis-url", redis_url, "--metrics-port", "-1")
    await start_swarmline(*command, "--no-housekeeping", **NO_MODEL).ready()
    desk = start_swarmline(redis_url, module="examples.human.desk", stdin="Ann here, what is it?\ndone\n")
    await eventually(lambda: "open" in desk.stdout, within_s=30)

    assert (await wire.ask("alice", "shop", "When are you open?"))["agentName"] == "machine"
    fetched = await wire.ask("alice", "shop", "I want to talk to a human")
    assert (fetched["output"], fetched["agentName"]) == ("Ann here, what is it?", "human")
    assert (await wire.ask("alice", "shop", "Nothing, thanks"))["output"] == "Thank you, good-bye."
    assert "alice: I want to talk to a human" in desk.stdout
    assert (await wire.ask("alice", "shop", "Do you sell gift cards?"))["agentName"] == "machine"
    assert await redis.hget(wire.name("shared:calls"), "value") == b"1"
