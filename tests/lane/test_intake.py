"""The claim that a worker sends ahead may be taken back at any moment, also while it is refused."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.keyspace import DOORBELL_GROUP, ShardKeys
from tests.helpers.eventually import eventually
from tests.observe.scraping import figures, registry_of
from worker import Agent, App, Swarm
from worker.clock import sleep
from worker.completions import EchoCompletion
from worker.lane.observers import Observers
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.turn_line import no_line
from worker.settings import Settings
from worker.store.claims import Claim
from worker.store.shard import ShardStore
from worker.wiring import started_worker

KEYS = ShardKeys("swarmline", 0)
APP = App(swarms=[Swarm("support", agents=[Agent("echo", completion=EchoCompletion())], default_agent="echo")])

REQUEST = {"v": 1, "clientId": "alice", "swarmName": "support", "kind": "execute", "body": '{"message":"Hi"}'}


class Heard(Metrics):
    """Metrics that remember which calls of Redis failed."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: list[str] = []

    def redis_error(self, op: str) -> None:
        self.failed.append(op)
        super().redis_error(op)


async def test_a_claim_that_was_refused_because_its_group_is_gone_can_be_taken_back_at_once(
    redis: Redis, redis_url: str
) -> None:
    metrics = Heard()
    observers = Observers(metrics, Health(stall_s=10), no_line)
    settings = Settings.model_validate({"redis_url": redis_url})
    async with started_worker(APP, settings, "w1", observers) as worker:
        running = asyncio.create_task(worker.run())

        async def has_sent_its_claim_ahead() -> bool:
            return (await redis.info("clients"))["blocked_clients"] == 1

        await eventually(has_sent_its_claim_ahead)
        await redis.xgroup_destroy(KEYS.requests, DOORBELL_GROUP)
        await eventually(lambda: "doorbell" in metrics.failed)
        worker.quiet()
        await eventually(lambda: redis.xinfo_groups(KEYS.requests))
        assert not running.done()
        await worker.drain(1, 1)
        running.cancel()
        await asyncio.wait((running,))


async def test_what_is_admitted_while_a_worker_leaves_is_counted(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit_and_claim, admitted = ShardStore.admit_and_claim, asyncio.Event()

    async def over_a_slow_network(store: ShardStore, *arguments: Any, **options: Any) -> Claim:
        claim = await admit_and_claim(store, *arguments, **options)
        if claim.admitted:
            admitted.set()
            await sleep(0.2)
        return claim

    monkeypatch.setattr(ShardStore, "admit_and_claim", over_a_slow_network)
    metrics = Metrics()
    settings = Settings.model_validate({"redis_url": redis_url})
    async with started_worker(APP, settings, "w1", Observers(metrics, Health(stall_s=10), no_line)) as worker:
        running = asyncio.create_task(worker.run())
        worker.quiet()
        await redis.xadd(KEYS.requests, REQUEST | {"requestId": "r-1"})
        await eventually(lambda: enqueued(metrics) == 1)
        admitted.clear()
        await redis.xadd(KEYS.requests, REQUEST | {"requestId": "r-2"})
        await admitted.wait()
        await worker.drain(1, 1)
        running.cancel()
        await asyncio.wait((running,))
    assert enqueued(metrics) == 2


def enqueued(metrics: Metrics) -> float:
    return figures(registry_of(metrics)).get("swarmline_requests_enqueued_total[kind=execute][swarm=support]", 0)
