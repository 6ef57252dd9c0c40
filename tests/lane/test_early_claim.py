"""A session is claimed again before the answer to the commit that let it go is here: they come over two connections."""

import asyncio
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from tests.helpers.eventually import eventually
from tests.lane.at_work import KEYS, output, request_of, working
from worker.observe.levels import Levels
from worker.observe.metrics import Metrics
from worker.store.commits import FencedAnswer
from worker.store.shard import ShardStore

SID = "support:alice"


class LateAnswers:
    """Holds up the answers to commits, which Redis has applied, until `come` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.come = asyncio.Event()
        commit = ShardStore.commit

        async def late(store: ShardStore, op_number: int, items: Sequence[list[str]]) -> FencedAnswer:
            answer = await commit(store, op_number, items)
            await self.come.wait()
            return answer

        monkeypatch.setattr(ShardStore, "commit", late)


async def test_a_session_that_is_claimed_early_gives_back_every_slot(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, metrics = LateAnswers(monkeypatch), Metrics()
    async with working(redis_url, metrics=metrics):
        await redis.xadd(KEYS.requests, request_of("first") | {"clientId": "alice"})
        await eventually(lambda: output(redis, "first"))
        await redis.xadd(KEYS.requests, request_of("second") | {"clientId": "alice"})
        await eventually(lambda: is_held(redis))
        answers.come.set()
        assert await eventually(lambda: output(redis, "second")) == "Hi"
        await eventually(lambda: Levels(metrics.sheet).used == 0)


async def is_held(redis: Redis) -> bool:
    return await redis.hget(KEYS.session(SID), "status") == b"held"
