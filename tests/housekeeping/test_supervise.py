"""Real arq workers on a real server: each tick once, no code from jobs, and on with it after an outage."""

import asyncio
import json
import pickle  # noqa: TID251 - what an attacker would send
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis_asyncio

from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.housekeeping.recording import Seen
from worker.clock import Backoff
from worker.housekeeping.supervise import HousekeepingPlan, supervise_housekeeping

Start = Callable[..., Seen]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Hand out a starter of supervised arq workers; all are cancelled at the end."""
    tasks: list[asyncio.Task[None]] = []

    def start_one(redis_url: str, namespace: str = "swarmline") -> Seen:
        seen = Seen()
        plan = HousekeepingPlan(redis_url=redis_url, namespace=namespace, sweep_every_s=1)
        impatient = Backoff(first_s=0.05, most_s=0.2)
        tasks.append(asyncio.create_task(supervise_housekeeping(plan, seen.household, backoff=impatient)))
        return seen

    yield start_one
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def ticks(redis: redis_asyncio.Redis, chore: str) -> int:
    """Count the ticks of a chore that were taken: arq marks each for a minute."""
    return len([key async for key in redis.scan_iter(f"arq:in-progress:swarmline:{chore}:*")])


@pytest.mark.unguarded_keyspace  # arq keeps its queue outside the keyspace
async def test_however_many_workers_run_each_tick_is_done_once(
    redis: redis_asyncio.Redis, redis_url: str, start: Start
) -> None:
    workers = [start(redis_url) for _ in range(3)]

    async def sweeps_and_ticks() -> bool:
        sweeps = sum(worker.count("sweep") for worker in workers)
        assert sweeps >= 3
        return sweeps == await ticks(redis, "sweep_expired_sessions")

    await eventually(sweeps_and_ticks, within_s=20)


@pytest.mark.unguarded_keyspace  # arq keeps its queue outside the keyspace
async def test_two_namespaces_on_one_server_do_not_take_each_others_ticks(redis_url: str, start: Start) -> None:
    one, other = start(redis_url, "one"), start(redis_url, "other")
    await eventually(lambda: min(one.count("sweep"), other.count("sweep")) >= 2, within_s=20)


class Trap:
    """An object whose pickle creates a file when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.unguarded_keyspace  # arq keeps its queue outside the keyspace
async def test_a_job_with_code_in_it_runs_nothing_and_stops_nothing(
    redis: redis_asyncio.Redis, redis_url: str, start: Start, tmp_path: Path
) -> None:
    trap = tmp_path / "sprung"
    poison = {
        "pickled": pickle.dumps({"t": 1, "f": Trap(trap), "a": (), "k": {}, "et": 1}),
        "odd-time": json.dumps({"t": None, "f": "x", "a": [], "k": {}, "et": 10**30}).encode(),
        "odd-function": json.dumps({"t": None, "f": "os.system", "a": ["true"], "k": {}, "et": 1}).encode(),
        "odd-arguments": json.dumps({"t": None, "f": "swarmline:trim_streams", "a": [1, 2], "k": {}, "et": 1}).encode(),
    }
    for job_id, raw in poison.items():
        await redis.set(f"arq:job:{job_id}", raw)
        await redis.zadd("swarmline:arq", {job_id: 1})
    seen = start(redis_url)

    async def buried() -> bool:
        scores = [await redis.zscore("swarmline:arq", job_id) for job_id in poison]
        return scores == [None] * len(poison)

    await eventually(buried, within_s=20)
    await eventually(lambda: seen.count("sweep") >= 1, within_s=20)
    assert not trap.exists()
    assert seen.unavailable == []


async def test_housekeeping_goes_on_after_a_restart_of_the_server(start_server: StartServer, start: Start) -> None:
    server = start_server(tcp=True)
    seen = start(server.url)
    await eventually(lambda: seen.count("sweep") >= 1, within_s=20)
    server.kill()
    await eventually(lambda: seen.unavailable.count("arq") >= 2, within_s=20)
    before = seen.count("sweep")
    server.start()
    await eventually(lambda: seen.count("sweep") > before, within_s=20)


async def test_housekeeping_starts_without_a_server_and_waits_for_it(start_server: StartServer, start: Start) -> None:
    server = start_server(tcp=True)
    server.kill()
    seen = start(server.url)
    await eventually(lambda: seen.unavailable.count("arq") >= 2, within_s=20)
    server.start()
    await eventually(lambda: seen.count("sweep") >= 1, within_s=20)


@pytest.mark.unguarded_keyspace  # arq keeps its queue outside the keyspace
async def test_cancelled_housekeeping_leaves_no_connection(redis: redis_asyncio.Redis, redis_url: str) -> None:
    async def others() -> int:
        own = await redis.client_id()
        return len([client for client in await redis.client_list() if int(client["id"]) != own])

    before = await others()
    seen = Seen()
    plan = HousekeepingPlan(redis_url=redis_url, namespace="swarmline", sweep_every_s=1)
    task = asyncio.create_task(supervise_housekeeping(plan, seen.household))
    await eventually(lambda: seen.count("sweep") >= 1, within_s=20)
    assert await others() > before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def closed() -> bool:
        return await others() == before

    await eventually(closed)
