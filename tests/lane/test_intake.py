"""The claim that a worker sends ahead may be taken back at any moment, also while it is refused."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.keyspace import DOORBELL_GROUP
from tests.helpers.eventually import eventually
from tests.lane.at_work import KEYS, request_of, working
from tests.observe.scraping import figures, registry_of
from worker.clock import sleep
from worker.observe.metrics import Metrics
from worker.store.claims import Claim
from worker.store.shard import ShardStore


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
    async with working(redis_url, metrics=metrics) as worker:

        async def has_sent_its_claim_ahead() -> bool:
            return (await redis.info("clients"))["blocked_clients"] == 1

        await eventually(has_sent_its_claim_ahead)
        await redis.xgroup_destroy(KEYS.requests, DOORBELL_GROUP)
        await eventually(lambda: "doorbell" in metrics.failed)
        worker.quiet()
        await eventually(lambda: redis.xinfo_groups(KEYS.requests))


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
    async with working(redis_url, metrics=metrics) as worker:
        worker.quiet()
        await redis.xadd(KEYS.requests, request_of("alice"))
        await eventually(lambda: enqueued(metrics) == 1)
        admitted.clear()
        await redis.xadd(KEYS.requests, request_of("bob"))
        await admitted.wait()
    assert enqueued(metrics) == 2


def enqueued(metrics: Metrics) -> float:
    return figures(registry_of(metrics)).get("swarmline_requests_enqueued_total[kind=execute][swarm=support]", 0)
