"""A local server in the place of a provider."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.helpers.model_server import Answer, ModelServer
from worker.completions import OpenAICompletion

KEY = "sk-canary-4711"


class Setting:
    """A server with its answers, and an adapter that asks it."""

    def __init__(self, server: ModelServer, completion: OpenAICompletion) -> None:
        self.server = server
        self.completion = completion


Stage = Callable[..., Any]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Hand out a starter, to be given answers and options of the adapter."""
    async with AsyncExitStack() as stack:

        async def start(*answers: Answer, **options: object) -> Setting:
            server = await stack.enter_async_context(ModelServer(*answers))
            options = {"base_url": server.url, "api_key": KEY, **options}
            completion = OpenAICompletion("tiny-1", **options)  # pyright: ignore[reportArgumentType]
            stack.push_async_callback(completion.aclose)
            return Setting(server, completion)

        yield start
