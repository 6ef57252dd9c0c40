"""The answer to a claim comes when the lease under which it was sent is long gone."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.helpers.eventually import eventually
from tests.lane.at_work import KEYS, working
from tests.store.stage import Stage, StagedWorker, finish
from worker import CompletionMessage, CompletionRequest
from worker.observe.metrics import Metrics
from worker.store.claims import Claim, ClaimedSession
from worker.store.shard import ShardStore


class Losses(Metrics):
    """Metrics that tell when the lease was lost."""

    def __init__(self) -> None:
        super().__init__()
        self.happened = asyncio.Event()

    def lease_lost(self) -> None:
        self.happened.set()
        super().lease_lost()


class CutNetwork:
    """Holds up the answer to the first claim that has sessions until `heals` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.claimed, self.heals = asyncio.Event(), asyncio.Event()
        admit_and_claim = ShardStore.admit_and_claim

        async def late(store: ShardStore, *arguments: Any, **options: Any) -> Claim:
            claim = await admit_and_claim(store, *arguments, **options)
            if claim.sessions and not self.claimed.is_set():
                self.claimed.set()
                await self.heals.wait()
            return claim

        monkeypatch.setattr(ShardStore, "admit_and_claim", late)


async def take_over(stage: Stage, other: StagedWorker) -> ClaimedSession:
    """Let another worker take the one session that `w1` holds."""
    await stage.redis.zadd(KEYS.workers, {"w1": 1})
    await stage.age(other)
    assert (await other.renew()).reclaimed == 1
    (taken,) = (await other.store.claim(1, 1, 1)).sessions
    return taken


async def test_what_others_have_taken_meanwhile_is_not_begun(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def note(request: CompletionRequest) -> CompletionMessage:
        begun.append(request.client_id)
        return CompletionMessage("done")

    losses, stage, network = Losses(), Stage(redis, redis_url), CutNetwork(monkeypatch)
    async with working(redis_url, note, losses, lease_s=1):
        await stage.push("r-1", "alice")
        await network.claimed.wait()
        other = await stage.worker("other")
        taken = await take_over(stage, other)
        await losses.happened.wait()
        await eventually(lambda: redis.zscore(KEYS.workers, "w1"))
        network.heals.set()
        await stage.push("r-2", "bob")
        await eventually(lambda: redis.zscore(KEYS.sessions, "support:bob"))
        assert begun == ["bob"]
        assert await other.commit(finish(taken)) == ["ok"]
    await stage.close()
