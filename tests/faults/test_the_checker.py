"""The checker proves itself: with one guard taken out of a script it must find a fault."""

import asyncio
import signal

import pytest
import redis.asyncio as redis_asyncio

from tests.faults.conftest import LEASE_S, StartWorker
from tests.faults.history import KEYS, Load, faults_of, together
from worker.clock import sleep

pytestmark = [pytest.mark.timeout(150), pytest.mark.unguarded_keyspace]


@pytest.mark.parametrize("name", ["no dedup", "popped at claim"])
async def test_the_checker_finds_a_seeded_fault(name: str, start_worker: StartWorker, url: str) -> None:
    workers = [start_worker(module="tests.faults.mutant", mutant=name) for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def freeze_and_kill() -> None:
        while True:
            for worker in list(workers):
                worker.send_signal(signal.SIGSTOP)
                await sleep(2 * LEASE_S)
                worker.send_signal(signal.SIGCONT)
                await sleep(0.2)
            workers.append(start_worker(module="tests.faults.mutant", mutant=name))
            await workers[-1].ready()
            workers.pop(0).kill()

    load = Load(url, sessions=40, requests=40)
    await together(load, asyncio.create_task(freeze_and_kill()))
    await _send_again(load)
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    try:
        await load.answered(within_s=10)
    except AssertionError:
        return  # lost requests are a fault that was found
    assert await faults_of(load), f"nothing was found although there is {name}"


async def _send_again(load: Load) -> None:
    """Send some requests a second time, as a producer does after a lost connection."""
    async with redis_asyncio.Redis.from_url(load.url) as client:
        for client_id, request_ids in load.sent.items():
            fields = {"v": "1", "requestId": request_ids[-1], "clientId": client_id, "swarmName": "proof"}
            await client.xadd(
                KEYS.requests, {**fields, "kind": "execute", "body": f'{{"message":"{request_ids[-1]}"}}'}
            )
