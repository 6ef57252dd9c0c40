"""A starter of swarms: `client = await serve(swarm)`."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest
import redis.asyncio as redis_asyncio

from tests.acceptance.wire import Wire
from tests.conformance.house import Client, working
from worker import App, Swarm


class Serve(Protocol):
    """Serve swarms with so many workers; returns a client of the first swarm."""

    async def __call__(self, *swarms: Swarm, workers: int = 1, **settings: Any) -> Client: ...


@pytest.fixture
async def serve(redis_url: str, redis: redis_asyncio.Redis) -> AsyncIterator[Serve]:
    """Hand out a starter of workers on the server of this test; they are gone before its keys are inspected."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*swarms: Swarm, workers: int = 1, **settings: Any) -> Client:
            for _ in range(workers):
                await stack.enter_async_context(working(App(swarms), redis_url, **settings))
            return Client(Wire(redis), swarms[0].name)

        yield start
