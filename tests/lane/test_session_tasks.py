"""Sessions share a task as long as none of them waits, and never find what another one has done to it."""

import asyncio
from contextvars import ContextVar
from typing import Any

from redis.asyncio import Redis

from tests.helpers.eventually import eventually
from tests.lane.at_work import KEYS, output, request_of, working
from worker import CompletionMessage, CompletionRequest
from worker.clock import sleep

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


async def send(redis: Redis, **messages: str) -> None:
    """Send a request for each client, all of them for one claim."""
    async with redis.pipeline(transaction=True) as pipeline:
        for client_id, message in messages.items():
            pipeline.xadd(KEYS.requests, request_of(client_id, message))
        await pipeline.execute()


async def outputs(redis: Redis, *client_ids: str) -> list[str]:
    """Return what the clients were answered, all of them."""
    for client_id in client_ids:
        await eventually(lambda client_id=client_id: output(redis, client_id))
    return [await output(redis, client_id) for client_id in client_ids]


async def test_a_session_that_waits_keeps_the_task_and_the_others_go_on_in_another(
    redis: Redis, redis_url: str
) -> None:
    model = Model()
    async with working(redis_url, model):
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
    async with working(redis_url, model):
        await send(redis, first="wait", second="wait", third="leave a name", fourth="wait", fifth="wait")
        assert await outputs(redis, "first", "second", "third", "fourth", "fifth") == ["found nobody"] * 5
    assert model.tasks["first"] is model.tasks["second"] is model.tasks["third"]
    assert model.tasks["fourth"] is model.tasks["fifth"] is not model.tasks["third"]


async def test_a_session_that_cancels_its_own_task_ends_no_other(redis: Redis, redis_url: str) -> None:
    model = Model()
    async with working(redis_url, model):
        await send(redis, first="cancel yourself", second="sleep", third="sleep")
        assert await outputs(redis, "first", "second", "third") == ["found nobody"] * 3
