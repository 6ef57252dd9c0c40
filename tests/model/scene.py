"""A shard in which every script has something to do with every key that it is given."""

from collections.abc import Awaitable, Callable

import redis.asyncio as redis_asyncio

from schemas.keyspace import sid_of
from tests.store.stage import Stage, finish
from worker.store.commits import HandBack, LiveOutput
from worker.store.housekeeper import ShardHousekeeper

Redis = redis_asyncio.Redis


class Scene:
    """Sessions in every status, a worker that is alive and one that is dead, and news on the stream."""

    def __init__(self, stage: Stage, url: str) -> None:
        self.stage = stage
        self.redis = stage.redis
        self.keys = stage.keys
        self.housekeeper = ShardHousekeeper(url, stage.keys, "housekeeping", 1)

    async def set_up(self) -> None:
        """Bring everything about."""
        self.worker = await self.stage.worker("alive")
        dead = await self.stage.worker("dead")
        await self.stage.push_all(["idle-1"], "idle")
        await self.worker.commit(finish(await self.worker.claim_one()))
        await self.redis.zadd(self.keys.sessions, {sid_of("support", "idle"): 1})
        await self.stage.push("lost-1", "lost")
        await dead.claim()
        await self.stage.push_all(["held-1", "held-2"], "held")
        self.held = await self.worker.claim_one()
        await self.stage.push("again-1", "again")
        again = await self.worker.claim_one()
        await self.worker.store.release(self.worker.next("release"), [HandBack(again.sid, again.fence, True, 1)])  # noqa: FBT003
        await self.redis.zadd(self.keys.delayed, {again.sid: 1})
        await self.stage.push("ready-1", "ready")
        await self.stage.push("suspect-1", "suspect")
        await self.worker.claim(0)
        await self.redis.lrem(self.keys.ready, 0, sid_of("support", "suspect"))
        await self.redis.rpush(self.keys.suspects, sid_of("support", "suspect"))
        await self.stage.expire_lease(dead)
        await self.stage.age(self.worker)
        await self.redis.hset(self.keys.ops("housekeeping"), mapping={"since": 1, "seen": 99999999999999})
        await self.stage.push("new-1", "new")
        await self.stage.push("bad name", "new")
        await self.stage.push("held-3", "held", "notify", body='{"message":"x"}')

    async def close(self) -> None:
        """Close every connection."""
        await self.stage.close()
        await self.housekeeper.close()

    def key(self, name: str, script: str) -> str:
        """Return the key that a script means by `name`."""
        if name in {"held", "ops"}:
            caller = "housekeeping" if script == "reclaim" else "alive"
            return f"{self.keys.base}{name}:{caller}"
        return f"{self.keys.base}{name}"

    async def dump(self) -> dict[bytes, bytes]:
        """Return everything that Redis holds, as it is serialised."""
        names = sorted([name async for name in self.redis.scan_iter(count=1000)])
        return {name: await self.redis.dump(name) or b"" for name in names}

    async def dispose_held(self) -> str:
        """Begin the disposal of the held session."""
        return await self.worker.store.begin_dispose(self.held.sid, self.held.fence, may_call_off=False)

    async def commit_held(self) -> list[str]:
        """Commit the held session, with everything that a commit can write."""
        return await self.worker.commit(
            finish(self.held, release=True, bans=[("polite", True)], events=['{"e":1}'], journaled=True)
        )

    async def flush_held(self) -> list[str]:
        """Flush live output of the held session."""
        output = LiveOutput(self.held.sid, self.held.fence, ['{"type":"emit"}'], ['{"e":1}'], {"held-1/step/1": "x"})
        return await self.worker.flush(output)

    async def renew(self) -> object:
        """Renew the lease of the worker."""
        return await self.worker._renewal._call(0)  # noqa: SLF001 - `renew` hides what Redis says


Call = Callable[[Scene], Awaitable[object]]

#: script -> how it is called in the scene
CALLS: dict[str, Call] = {
    "admit_and_claim": lambda scene: scene.worker.claim(),
    "claim": lambda scene: scene.worker.store.claim(scene.worker.next("claim"), 10, 1),
    "commit": Scene.commit_held,
    "flush": Scene.flush_held,
    "release": lambda scene: scene.worker.release(scene.held),
    "renew": Scene.renew,
    "reclaim": lambda scene: scene.housekeeper.reclaim(),
    "deregister": lambda scene: scene.worker.store.deregister(),
    "begin_dispose": Scene.dispose_held,
    "sweep": lambda scene: scene.housekeeper.sweep(),
    "trim": lambda scene: scene.housekeeper.trim(),
}
