"""Rubbish by the thousand: no worker ends, and each piece is answered or found among the dead letters.

`make fuzz` does the same with 100,000 pieces; SWARMLINE_TEST_FUZZ and SWARMLINE_TEST_SEED change how many and which.
"""

import json
import os
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
import redis.asyncio as redis_asyncio

from schemas.names import is_request_id
from tests.acceptance.wire import Wire
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess
from tests.security.rubbish import Entry, entries

Start = Callable[..., SwarmlineProcess]

COUNT = int(os.environ.get("SWARMLINE_TEST_FUZZ", "5000"))  # noqa: TID251 - `make fuzz` says it so
SEED = int(os.environ.get("SWARMLINE_TEST_SEED", "1"))  # noqa: TID251
BATCH = 1000
REQUESTS, DEAD = "swarmline:{0}:requests", "swarmline:{0}:dead"


def batches(every: Iterator[Entry]) -> Iterator[list[Entry]]:
    while batch := list(islice(every, BATCH)):
        yield batch


async def push(redis: redis_asyncio.Redis, batch: list[Entry]) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for entry in batch:
            pipe.xadd(REQUESTS, entry)  # pyright: ignore[reportArgumentType]
        await pipe.execute()


async def answered(redis: redis_asyncio.Redis, batch: list[Entry]) -> set[str]:
    """Return the marks of the entries whose request id has a terminal reply."""
    ids = {str(entry["mark"]): as_request_id(entry.get("requestId", "")) for entry in batch}
    known = {mark: request_id for mark, request_id in ids.items() if request_id}
    replies = await redis.mget([f"swarmline:{{0}}:result:{request_id}" for request_id in known.values()])
    return {
        mark for mark, reply in zip(known, replies, strict=True) if reply and json.loads(reply)["status"] != "accepted"
    }


def as_request_id(given: str | bytes) -> str:
    text = given.decode("latin-1") if isinstance(given, bytes) else given
    return text if is_request_id(text) else ""


async def buried(redis: redis_asyncio.Redis) -> set[str]:
    """Return the marks of all dead letters, and take them away."""
    letters = await redis.xrange(DEAD)
    if letters:
        await redis.xtrim(DEAD, minid=letters[-1][0], approximate=False)
        await redis.xdel(DEAD, letters[-1][0])
    return {fields.get(b"orig.mark", b"").decode() for _, fields in letters}


@pytest.mark.timeout(60 + COUNT // 50)
async def test_rubbish_ends_no_worker_and_each_piece_is_answered_or_buried(
    start_server: StartServer, start_swarmline: Start
) -> None:
    server = start_server()
    options = ("--app", "tests.security.leaky_app:app", "--redis-url", server.url, "--metrics-port", "-1")
    worker = start_swarmline("worker", *options, SWARMLINE_LOG_TURNS="false")
    await worker.ready()
    redis = redis_asyncio.Redis.from_url(server.url)
    dead: set[str] = set()
    replied: set[str] = set()
    for batch in batches(entries(SEED, COUNT)):
        open_marks = {str(entry["mark"]) for entry in batch}
        await push(redis, batch)

        async def all_are_settled(batch: list[Entry] = batch, open_marks: set[str] = open_marks) -> bool:
            dead.update(await buried(redis))
            replied.update(await answered(redis, batch))
            open_marks -= dead | replied
            lost = [entry for entry in batch if entry["mark"] in open_marks]
            assert not lost, f"{len(lost)} neither answered nor buried, such as {str(lost[0])[:1000]}"
            return True

        await eventually(all_are_settled, within_s=40)
        assert worker.is_running(), worker.stderr[-2000:]
    assert min(len(dead), len(replied)) > COUNT / 4, "the rubbish is too bad or too good to show anything"
    after = await Wire(redis).ask("alice", "leaky", "nothing")
    assert (after["status"], after["output"]) == ("completed", "said nothing")
    assert "session_stuck" not in worker.stderr
    assert "turn_crashed" not in worker.stderr
    assert await redis.xinfo_stream(REQUESTS)
    await redis.aclose()
