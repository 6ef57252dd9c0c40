"""Sessions that were lost more than once run one at a time, but without a pause between them."""

import redis.asyncio as redis_asyncio

from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS, Load
from tests.store.stage import Stage

SUSPECTS = 120


async def test_a_suspect_that_has_ended_lets_the_next_one_begin(start_worker: StartWorker, url: str) -> None:
    load = Load(url, sessions=SUSPECTS, requests=1)
    announcing = start_worker()
    await announcing.ready()
    announcing.kill()
    await load.run()
    async with redis_asyncio.Redis.from_url(url) as client:
        stage = Stage(client, url)
        admitting = await stage.worker("admitting")
        while (await admitting.claim(0)).admitted:
            pass
        assert await client.llen(KEYS.ready) == SUSPECTS
        await client.rename(KEYS.ready, KEYS.suspects)
        await client.zrem(KEYS.workers, "admitting")
        await stage.close()
    worker = start_worker()
    await worker.ready()
    # a bell that nobody rings is heard after 1 s: too late for so many
    await load.answered(within_s=30)
