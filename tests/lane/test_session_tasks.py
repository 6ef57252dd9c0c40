"""Sessions share a task as long as none of them waits, and never find what another one has done to it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

from redis.asyncio import Redis

from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually
from worker import Agent, App, CompletionMessage, CompletionRequest, Swarm
from worker.clock import sleep
from worker.lane.observers import Observers
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.turn_line import no_line
from worker.settings import Settings
from worker.wiring import started_worker

KEYS = ShardKeys("swarmline", 0)
LEFT_BY: ContextVar[str] = ContextVar("LEFT_BY", default="nobody")


class Model:
    """Does what a message says, and remembers in which task it was asked by whom."""

    def __init__(self) -> None:
        self.tasks: dict[str, asyncio.Task[Any] | None] = {}
        self.go_on = asyncio.Event()

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        self.tasks[request.client_id] = task = asyncio.current_task()
        assert task is not None
        found = LEFT_BY.get()
        match request.last_user_message():
            case "leave a name":
                LEFT_BY.set(request.client_id)
            case "wait":
                await self.go_on.wait()
                assert asyncio.current_task() is task
            case "cancel yourself":
                task.cancel()
            case _:
                await sleep(0)
        return CompletionMessage(f"found {found}")


@contextlib.asynccontextmanager
async def working(model: Model, redis_url: str) -> AsyncIterator[None]:
    """Serve a swarm of one agent with this model."""
    app = App(swarms=[Swarm("support", agents=[Agent("a", completion=model)], default_agent="a")])
    observers = Observers(Metrics(), Health(stall_s=10), no_line)
    async with started_worker(app, Settings.model_validate({"redis_url": redis_url}), "w1", observers) as worker:
        running = asyncio.create_task(worker.run())
        yield
        await worker.drain(1, 1)
        running.cancel()
        await asyncio.wait((running,))


async def send(redis: Redis, **messages: str) -> None:
    """Send a request for each client, all of them for one claim."""
    async with redis.pipeline(transaction=True) as pipeline:
        for client_id, message in messages.items():
            fields = {"v": 1, "requestId": f"r-{client_id}", "clientId": client_id, "swarmName": "support"}
            pipeline.xadd(KEYS.requests, {**fields, "kind": "execute", "body": json.dumps({"message": message})})
        await pipeline.execute()


async def output(redis: Redis, client_id: str) -> str:
    """Return what the client was answered, `""` before that."""
    return json.loads(await redis.get(KEYS.result(f"r-{client_id}")) or "{}").get("output", "")


async def outputs(redis: Redis, *client_ids: str) -> list[str]:
    """Return what the clients were answered, all of them."""
    for client_id in client_ids:
        await eventually(lambda client_id=client_id: output(redis, client_id))
    return [await output(redis, client_id) for client_id in client_ids]


async def test_a_session_that_waits_keeps_the_task_and_the_others_go_on_in_another(
    redis: Redis, redis_url: str
) -> None:
    model = Model()
    async with working(model, redis_url):
        await send(redis, first="leave nothing behind", second="wait", third="wait", fourth="leave nothing behind")
        await outputs(redis, "first", "fourth")
        assert len({model.tasks[name] for name in ("first", "second", "third", "fourth")}) == 4
        assert not await output(redis, "second")
        model.go_on.set()
        await outputs(redis, "second", "third")


async def test_sessions_that_wait_for_nothing_share_a_task_and_find_nothing_of_each_other(
    redis: Redis, redis_url: str
) -> None:
    model = Model()
    model.go_on.set()
    async with working(model, redis_url):
        await send(redis, first="wait", second="wait", third="leave a name", fourth="wait", fifth="wait")
        assert await outputs(redis, "first", "second", "third", "fourth", "fifth") == ["found nobody"] * 5
    assert model.tasks["first"] is model.tasks["second"] is model.tasks["third"]
    assert model.tasks["fourth"] is model.tasks["fifth"] is not model.tasks["third"]


async def test_a_session_that_cancels_its_own_task_ends_no_other(redis: Redis, redis_url: str) -> None:
    model = Model()
    async with working(model, redis_url):
        await send(redis, first="cancel yourself", second="sleep", third="sleep")
        assert await outputs(redis, "first", "second", "third") == ["found nobody"] * 3
