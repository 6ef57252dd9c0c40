"""Under the roles of deploy/acl everything works as without them, and the server has refused nothing."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio
from redis.exceptions import NoPermissionError

from producers import Producer, QueueUnavailable, ReplyTimeout
from schemas.keyspace import ShardKeys
from tests.acceptance.wire import Wire
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.roles import Roles, users_file
from tests.helpers.server import Server
from worker.store.housekeeper import ShardHousekeeper

Start = Callable[..., SwarmlineProcess]

APP = "worker.cli.demo_app:app"


@pytest.fixture
def own_roles(tmp_path: Path) -> Iterator[Roles]:
    """Hand out a server of the test's own, with the roles."""
    with Server(options=("--aclfile", str(users_file(tmp_path)))) as server:
        yield Roles(server)


@pytest.fixture
async def worker(own_roles: Roles, start_swarmline: Start) -> SwarmlineProcess:
    """Run a worker, with housekeeping, under its role."""
    url = own_roles.url("worker")
    serving = start_swarmline("worker", "--app", APP, "--metrics-port", "0", SWARMLINE_REDIS_URL=url)
    await serving.ready()
    return serving


@pytest.fixture
async def producer(own_roles: Roles, worker: SwarmlineProcess) -> AsyncIterator[Producer]:
    """Hand out a producer under its role; the worker serves."""
    assert worker.is_running()
    async with Producer(own_roles.url("producer")) as producer:
        yield producer


async def test_a_producer_does_all_that_it_offers(own_roles: Roles, producer: Producer) -> None:
    stream = producer.stream("alice", "support")
    await stream.opened()
    events, one = producer.events(), producer.events(client_id="alice")
    await events.opened()
    await one.opened()
    reply = await producer.execute("alice", "support", "Hello")
    assert reply.status == "completed"
    assert (await anext(aiter(stream))).request_id == reply.request_id
    assert [(await anext(aiter(heard))).client_id for heard in (events, one)] == ["alice", "alice"]
    resumed = producer.stream("alice", "support", after=None)
    assert (await anext(aiter(resumed))).request_id == reply.request_id
    kept = await producer.send_later("alice", "support", "execute", message="Hello", defer_by=timedelta(0))
    assert (await producer.result(kept, timeout_s=20)).status == "completed"
    with pytest.raises(ReplyTimeout, match="no worker has accepted it"):
        await producer.result("never-sent", timeout_s=0.1)
    assert own_roles.refused() == []


async def test_a_plain_sender_needs_the_role_of_a_producer_only(own_roles: Roles, worker: SwarmlineProcess) -> None:
    assert worker.is_running()
    sender = redis_asyncio.Redis.from_url(own_roles.url("producer"))
    assert (await Wire(sender).ask("alice", "support", "Hello"))["status"] == "completed"
    with pytest.raises(NoPermissionError):
        await sender.xrange("swarmline:{0}:requests")
    with pytest.raises(NoPermissionError):
        await sender.lrange("swarmline:{0}:history:support:alice", 0, -1)
    await sender.aclose()


async def test_an_observer_reads_the_figures(own_roles: Roles, producer: Producer, start_swarmline: Start) -> None:
    await producer.execute("alice", "support", "Hello")
    housekeeper = ShardHousekeeper(own_roles.url("observer"), ShardKeys("swarmline", 0), "observer", 10_000)
    sample = await housekeeper.sample()
    await housekeeper.close()
    assert (sample.workers_live, sample.stream_lag) == (1, 0)
    check = start_swarmline("check", "--redis-url", own_roles.url("observer"))
    assert await check.ended() == 0, check.stderr
    exporter = start_swarmline("exporter", "--metrics-port", "0", SWARMLINE_REDIS_URL=own_roles.url("observer"))
    address = (await exporter.ready())["metrics"].removesuffix("/metrics")
    ready = start_swarmline("check", "--url", address)
    assert await ready.ended() == 0, ready.stderr
    exporter.send_signal(signal.SIGTERM)
    assert await exporter.ended() == 0
    assert own_roles.refused() == []


async def test_a_doctor_needs_the_role_of_a_worker(own_roles: Roles, start_swarmline: Start) -> None:
    well = start_swarmline("doctor", SWARMLINE_REDIS_URL=own_roles.url("worker"))
    assert await well.ended() == 0, well.stdout
    for role in ("producer", "observer"):
        ill = start_swarmline("doctor", SWARMLINE_REDIS_URL=own_roles.url(role))
        assert await ill.ended() == 1
        assert "the Redis user lacks" in ill.stdout


async def test_an_admin_sends_and_watches(own_roles: Roles, worker: SwarmlineProcess, start_swarmline: Start) -> None:
    assert worker.is_running()
    environment = {"SWARMLINE_REDIS_URL": own_roles.url("admin")}
    watching = start_swarmline("tail", **environment)

    async def heard() -> bool:
        sent = start_swarmline("send", "alice", "support", "Hello", "--wait", **environment)
        assert await sent.ended() == 0, sent.stderr
        return "alice" in watching.stdout

    assert await eventually(heard, within_s=20)
    assert own_roles.refused() == []


async def test_who_may_not_listen_is_told_so(own_roles: Roles) -> None:
    with pytest.raises(QueueUnavailable, match="no permissions"):
        await Producer(own_roles.url("observer"), connect_timeout_s=2).open()
