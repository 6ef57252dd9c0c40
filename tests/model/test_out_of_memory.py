"""A full Redis takes no new work, unchanged; everything that drains it goes on."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio
from redis.exceptions import OutOfMemoryError

from tests.model.scene import CALLS, Scene
from tests.store.stage import Stage
from worker.store.link import QueueFull

pytestmark = pytest.mark.unguarded_keyspace


@pytest.fixture
async def scene(redis: redis_asyncio.Redis, redis_url: str) -> AsyncIterator[Scene]:
    """Hand out a shard where every script has something to do, on a server without any memory left."""
    stage = Stage(redis, redis_url)
    await stage.announce()
    scene = Scene(stage, redis_url)
    await scene.set_up()
    await redis.config_set("maxmemory", 1)
    yield scene
    await redis.config_set("maxmemory", 0)
    await scene.close()


async def test_a_full_redis_admits_nothing_and_changes_nothing(scene: Scene) -> None:
    before = await scene.dump()
    with pytest.raises(QueueFull):
        await CALLS["admit_and_claim"](scene)
    assert await scene.dump() == before
    with pytest.raises(OutOfMemoryError):
        await scene.stage.push("one-more")


@pytest.mark.parametrize("script", sorted(CALLS.keys() - {"admit_and_claim"}))
async def test_what_drains_a_full_redis_goes_on(scene: Scene, script: str) -> None:
    before = await scene.dump()
    await CALLS[script](scene)
    assert script in {"begin_dispose", "trim"} or await scene.dump() != before
