"""A producer and a responder on the server of the test process."""

from collections.abc import AsyncIterator

import pytest

from producers import Producer
from tests.producers.responder import Responder


@pytest.fixture
async def responder(redis_url: str) -> AsyncIterator[Responder]:
    """Answer the requests of shard 0."""
    async with Responder(redis_url) as responder:
        yield responder


@pytest.fixture
async def producer(redis_url: str) -> AsyncIterator[Producer]:
    """Hand out an open producer."""
    async with Producer(redis_url) as producer:
        yield producer
