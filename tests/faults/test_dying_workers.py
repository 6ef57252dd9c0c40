"""Workers that are killed, frozen or asked to leave while hundreds of requests are under way."""

import asyncio
import signal

import pytest
import redis.asyncio as redis_asyncio

from tests.faults.conftest import LEASE_S, StartWorker
from tests.faults.history import KEYS, Load, checked, together
from tests.helpers.eventually import eventually
from worker.clock import sleep

pytestmark = pytest.mark.timeout(150)


async def test_nothing_is_lost_doubled_or_reordered_while_workers_are_killed(
    start_worker: StartWorker, url: str
) -> None:
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def kill_one_after_the_other() -> None:
        while True:
            await sleep(0.7)
            workers.append(start_worker())
            await workers[-1].ready()
            workers.pop(0).kill()

    load = Load(url, sessions=40, requests=60)
    await together(load, asyncio.create_task(kill_one_after_the_other()))
    await checked(load)


async def test_a_frozen_worker_that_wakes_up_changes_nothing(start_worker: StartWorker, url: str) -> None:
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def freeze_one_after_the_other() -> None:
        while True:
            for worker in workers:
                worker.send_signal(signal.SIGSTOP)
                await sleep(2 * LEASE_S)
                worker.send_signal(signal.SIGCONT)
                await sleep(0.3)

    load = Load(url, sessions=40, requests=60)
    await together(load, asyncio.create_task(freeze_one_after_the_other()))
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    await checked(load)
    assert all(worker.is_running() for worker in workers)


async def test_workers_leave_and_join_without_a_trace(start_worker: StartWorker, url: str) -> None:
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def replace_one_after_the_other() -> None:
        while True:
            workers.append(start_worker())
            await workers[-1].ready()
            leaving = workers.pop(0)
            leaving.send_signal(signal.SIGTERM)
            assert await leaving.ended() == 0

    load = Load(url, sessions=40, requests=60)
    await together(load, asyncio.create_task(replace_one_after_the_other()))
    await checked(load)


async def test_a_request_that_kills_workers_is_buried_alone(start_worker: StartWorker, url: str) -> None:
    """The others run again, but none of them is started more than twice."""
    client = redis_asyncio.Redis.from_url(url)
    workers = [start_worker()]
    await workers[-1].ready()

    async def replace_the_dead() -> None:
        while True:
            await eventually(lambda: not workers[-1].is_running(), within_s=120)
            workers.append(start_worker())

    names = [f"good-{number}" for number in range(60)]
    names.insert(30, "bad")
    replacing = asyncio.create_task(replace_the_dead())
    for name in names:
        body = '{"message":"poison"}' if name == "bad" else '{"message":"hello"}'
        fields = {"v": "1", "requestId": name, "clientId": name, "swarmName": "poison", "kind": "execute", "body": body}
        await client.xadd(KEYS.requests, fields)

    load = Load(url, sessions=0, requests=0, sent={name: [name] for name in names})
    await load.answered(within_s=100)
    replacing.cancel()
    replies = {name: await client.get(KEYS.result(name)) for name in names}
    bad = replies.pop("bad")
    assert b'"status":"failed"' in bad
    assert b'"attempts_exhausted"' in bad
    assert all(b'"status":"completed"' in reply for reply in replies.values())
    attempts = [int(reply.split(b'"attempts":')[1].split(b",")[0]) for reply in replies.values()]
    assert max(attempts) <= 2, attempts
    assert [fields[b"reason"] for _, fields in await client.xrange(KEYS.dead)] == [b"attempts_exhausted"]
    await client.aclose()
