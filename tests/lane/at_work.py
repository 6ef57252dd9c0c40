"""A worker at work in the test's own event loop, and requests for it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from schemas.keyspace import ShardKeys
from worker import Agent, App, Completion, Swarm
from worker.completions import EchoCompletion
from worker.lane.observers import Observers
from worker.lane.worker import Worker
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.turn_line import no_line
from worker.settings import Settings
from worker.wiring import started_worker

KEYS = ShardKeys("swarmline", 0)


def request_of(client_id: str, message: str = "Hi") -> dict[str, str | int]:
    """Return the fields of a request `r-<client_id>` for the one agent."""
    fields = {"v": 1, "requestId": f"r-{client_id}", "clientId": client_id, "swarmName": "support"}
    return {**fields, "kind": "execute", "body": json.dumps({"message": message})}


async def output(redis: Redis, client_id: str) -> str:
    """Return what the client was answered, `""` before that."""
    return json.loads(await redis.get(KEYS.result(f"r-{client_id}")) or "{}").get("output", "")


@contextlib.asynccontextmanager
async def working(
    redis_url: str,
    completion: Completion | None = None,
    metrics: Metrics | None = None,
    *,
    grace_s: float = 1,
    **settings: float,
) -> AsyncIterator[Worker]:
    """Let worker `w1` serve a swarm of one agent, which echoes unless told; it drains at the end."""
    agent = Agent("a", completion=completion or EchoCompletion())
    app = App(swarms=[Swarm("support", agents=[agent], default_agent="a")])
    observers = Observers(metrics or Metrics(), Health(stall_s=10), no_line)
    chosen = Settings.model_validate({"redis_url": redis_url, **settings})
    async with started_worker(app, chosen, "w1", observers) as worker:
        running = asyncio.create_task(worker.run())
        yield worker
        assert not running.done(), running
        await worker.drain(grace_s, 1)
        running.cancel()
        await asyncio.wait((running,))
