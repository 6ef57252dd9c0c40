"""Failures that other queues were reported for, each with its report; ours must not have them."""

import asyncio
import signal
import socket

import pytest
import redis.asyncio as redis_asyncio

from tests.faults.conftest import LEASE_S, StartWorker
from tests.faults.history import KEYS, Load, checked
from tests.faults.test_dying_redis import most_attempts
from tests.faults.test_late_worker import answers, push
from tests.helpers.eventually import eventually
from tests.helpers.server import Server
from tests.store.stage import Stage
from worker.clock import sleep

pytestmark = [pytest.mark.timeout(150), pytest.mark.unguarded_keyspace]

Redis = redis_asyncio.Redis
CLAIMERS = 20


async def test_of_many_claimers_of_one_lost_session_one_gets_it(redis: Redis, redis_url: str) -> None:
    """taskiq-redis#123: two workers took the same job from a dead one."""
    stage = Stage(redis, redis_url)
    await stage.announce()
    dead = await stage.worker("dead")
    await stage.push("r-1")
    await dead.claim_one()
    claimers = [await stage.worker(f"w{number}") for number in range(CLAIMERS)]
    for claimer in claimers:
        await stage.age(claimer)
    await stage.expire_lease(dead)
    claims = await asyncio.gather(*[claimer.claim() for claimer in claimers])
    assert [len(claim.sessions) for claim in claims].count(1) == 1
    assert sum(claim.reclaimed for claim in claims) == 1
    await stage.close()


async def test_a_turn_of_many_leases_stays_with_its_worker(start_worker: StartWorker, url: str) -> None:
    """taskiq-redis#101, celery#2599, kombu#337: what takes longer than the limit of visibility is run twice."""
    for worker in [start_worker(), start_worker()]:
        await worker.ready()
    async with Redis.from_url(url) as client:
        await push(client, "long", seconds=6 * LEASE_S)
        await eventually(lambda: answers(client), within_s=30)
        reply = await client.get(KEYS.result("long"))
        assert b'"attempts":1' in reply


async def test_when_all_workers_sleep_nobody_is_charged(start_worker: StartWorker, url: str) -> None:
    """bull#1873: after a hibernation every job counted as stalled."""
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()
    load = Load(url, sessions=20, requests=20)

    async def hibernate() -> None:
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        await sleep(3 * LEASE_S)
        for worker in workers:
            worker.send_signal(signal.SIGCONT)

    sleeping = asyncio.create_task(hibernate())
    await load.run()
    await sleeping
    await checked(load)
    assert await most_attempts(load) == 1


@pytest.mark.parametrize("refusal", ["NOREPLICAS", "READONLY"])
async def test_a_redis_that_refuses_writes_is_waited_for(
    refusal: str, own_server: Server, start_worker: StartWorker
) -> None:
    """docket#477, prefect#22436, redis-py#460: a refusal is an untyped error, and it ended the loop."""
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await worker.ready()

    async def refuse() -> None:
        async with Redis.from_url(own_server.url) as client:
            for _ in range(2):
                await set_refusal(client, refusal, refuses=True)
                await sleep(2 * LEASE_S)
                await set_refusal(client, refusal, refuses=False)
                await sleep(0.3)

    load = Load(own_server.url, sessions=20, requests=20)
    refusing = asyncio.create_task(refuse())
    await load.run()
    await refusing
    await checked(load)
    assert all(worker.is_running() for worker in workers)


async def set_refusal(client: Redis, refusal: str, *, refuses: bool) -> None:
    if refusal == "NOREPLICAS":
        await client.config_set("min-replicas-to-write", int(refuses))
    else:
        # the port of nobody: this server waits for a primary and takes no writes meanwhile
        await client.execute_command("REPLICAOF", *(("127.0.0.1", "1") if refuses else ("NO", "ONE")))


async def test_a_torn_append_only_file_costs_its_last_entry_and_nothing_else(
    own_server: Server, start_worker: StartWorker
) -> None:
    """Power failed in the middle of a write: what was confirmed before it is there, and the workers go on."""
    worker = start_worker()
    await worker.ready()
    load = Load(own_server.url, sessions=10, requests=5)
    await load.run()
    await load.answered(within_s=60)
    own_server.kill()
    (torn,) = (own_server.directory / "appendonlydir").glob("*.incr.aof")
    with torn.open("r+b") as file:
        file.truncate(torn.stat().st_size - 30)
    own_server.start()
    async with Redis.from_url(own_server.url) as client:
        await push(client, "after", seconds=0)
        await eventually(lambda: answers(client), within_s=30)


async def test_an_entry_that_was_deleted_before_admission_stops_nothing(redis: Redis, redis_url: str) -> None:
    """redis#7021, redis#10756: what was trimmed away came back as an empty entry, and readers fell over it."""
    stage = Stage(redis, redis_url)
    await stage.announce()
    worker = await stage.worker("w1")
    entries = [await stage.push(f"r-{number}") for number in range(3)]
    await redis.xdel(KEYS.requests, entries[1])
    session = await worker.claim_one()
    assert [request.request_id for request in session.requests] == ["r-0", "r-2"]
    await stage.close()


async def test_a_subscriber_that_never_reads_harms_nobody(start_worker: StartWorker, own_server: Server) -> None:
    """Redis keeps up to 32 MB for a subscriber that is too slow and then cuts it; nobody else waits for it."""
    await start_worker().ready()
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(own_server.url.removeprefix("unix://"))
    deaf.sendall(b"PSUBSCRIBE *\r\n")
    load = Load(own_server.url, sessions=20, requests=20)
    await load.run()
    await checked(load)
    deaf.close()
