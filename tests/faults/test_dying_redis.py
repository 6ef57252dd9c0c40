"""A Redis that is killed, frozen, cut off or forgets its scripts while hundreds of requests are under way."""

import asyncio
import signal

import pytest
import redis.asyncio as redis_asyncio

from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS, Load, checked, together
from tests.helpers.server import Server
from worker.clock import sleep

pytestmark = [pytest.mark.timeout(150), pytest.mark.unguarded_keyspace]


async def test_nothing_is_lost_when_redis_is_killed_and_comes_back(
    own_server: Server, start_worker: StartWorker
) -> None:
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def kill_and_restart() -> None:
        while True:
            await sleep(0.8)
            own_server.kill()
            await sleep(0.3)
            own_server.start()

    load = Load(own_server.url, sessions=40, requests=40)
    await together(load, asyncio.create_task(kill_and_restart()))
    own_server.restart()
    await checked(load)
    assert all(worker.is_running() for worker in workers), "an outage of Redis ended a worker"
    assert await most_attempts(load) == 1, "an outage of Redis was charged to a request"


async def test_an_outage_longer_than_the_lease_charges_nobody(own_server: Server, start_worker: StartWorker) -> None:
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def freeze() -> None:
        while True:
            await sleep(0.8)
            own_server.pause()
            await sleep(1.5)
            own_server.resume()

    load = Load(own_server.url, sessions=40, requests=40)
    await together(load, asyncio.create_task(freeze()))
    own_server.resume()
    await checked(load)
    assert all(worker.is_running() for worker in workers)
    assert await most_attempts(load) == 1


async def test_cut_connections_and_forgotten_scripts_are_no_faults(
    own_server: Server, start_worker: StartWorker
) -> None:
    for worker in [start_worker() for _ in range(2)]:
        await worker.ready()

    async def cut_and_forget() -> None:
        async with redis_asyncio.Redis.from_url(own_server.url) as client:
            while True:
                await sleep(0.2)
                for what in ("normal", "pubsub"):
                    await client.execute_command("CLIENT", "KILL", "TYPE", what, "SKIPME", "yes")
                await client.script_flush()

    load = Load(own_server.url, sessions=40, requests=60)
    await together(load, asyncio.create_task(cut_and_forget()))
    await checked(load)
    assert await most_attempts(load) == 1


async def test_groups_that_were_destroyed_are_taken_up_where_they_stopped(
    own_server: Server, start_worker: StartWorker
) -> None:
    for worker in [start_worker() for _ in range(2)]:
        await worker.ready()

    async def destroy() -> None:
        async with redis_asyncio.Redis.from_url(own_server.url) as client:
            while True:
                await sleep(0.3)
                for group in ("admission", "doorbell"):
                    await client.xgroup_destroy(KEYS.requests, group)

    load = Load(own_server.url, sessions=20, requests=60)
    await together(load, asyncio.create_task(destroy()))
    await checked(load)


async def test_a_redis_that_lost_everything_refuses_no_request(own_server: Server, start_worker: StartWorker) -> None:
    for worker in [start_worker() for _ in range(2)]:
        await worker.ready()
    async with redis_asyncio.Redis.from_url(own_server.url) as client:
        for _ in range(3):
            await client.flushall()
            load = Load(own_server.url, sessions=20, requests=1)
            await load.run()
            await checked(load)


async def test_a_worker_says_goodbye_over_a_connection_that_an_outage_cut(
    own_server: Server, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await worker.ready()
    own_server.restart()
    async with redis_asyncio.Redis.from_url(own_server.url) as client:
        worker.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0
        assert await client.zcard(KEYS.workers) == 0, worker.stderr


async def most_attempts(load: Load) -> int:
    """Return how often the request that was started most often was started."""
    client = redis_asyncio.Redis.from_url(load.url)
    names = [KEYS.result(request_id) for ids in load.sent.values() for request_id in ids]
    replies = await client.mget(names)
    await client.aclose()
    return max(int(reply.split(b'"attempts":')[1].split(b",")[0]) for reply in replies)
