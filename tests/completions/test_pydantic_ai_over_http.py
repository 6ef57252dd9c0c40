"""PydanticAICompletion through one of pydantic-ai's providers, against a local server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.completions.questions import ORDER_STATUS, WHERE, question
from tests.helpers.eventually import eventually
from tests.helpers.model_server import Answer, ModelServer, call, called, refused, said, silence, streamed
from worker import Message, ToolCall
from worker.completions import PydanticAICompletion
from worker.completions.failures import ContextTooLong, ServerUnreachable


@asynccontextmanager
async def asking(*answers: Answer, stream: bool = False) -> AsyncIterator[tuple[ModelServer, PydanticAICompletion]]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ModelServer(*answers))
        model = OpenAIChatModel("tiny-1", provider=OpenAIProvider(base_url=server.url, api_key="none"))
        await stack.enter_async_context(model)
        yield server, PydanticAICompletion(model, stream=stream)


async def test_calls_and_their_outputs_make_the_round_trip() -> None:
    async with asking(called(call("call_a", "order_status", {"order_id": 42})), said("On its way.")) as (server, model):
        (made,) = (await model.complete(question(tools=[ORDER_STATUS]))).tool_calls
        assert made == ToolCall("call_a", "order_status", {"order_id": 42})
        output = Message("tool", "packed", tool_call_id="call_a")
        answer = await model.complete(question(WHERE, Message("assistant", "", tool_calls=(made,)), output))
        assert answer.content == "On its way."
        assert server.asked[1].messages[-1] == {"role": "tool", "tool_call_id": "call_a", "content": "packed"}


async def test_an_answer_is_streamed() -> None:
    pieces: list[str] = []
    async with asking(streamed("On ", "its way."), stream=True) as (_, model):
        assert (await model.complete(question(emit_delta=pieces.append))).content == "On its way."
    assert pieces == ["On ", "its way."]


async def test_a_refusal_of_the_server_is_told_in_our_words() -> None:
    async with asking(refused(400, "context_length_exceeded")) as (_, model):
        with pytest.raises(ContextTooLong):
            await model.complete(question())


async def test_a_cut_stream_is_no_answer() -> None:
    async with asking(streamed("On ", is_cut=True), stream=True) as (_, model):
        with pytest.raises(ServerUnreachable):
            await model.complete(question())


async def test_who_stops_waiting_hangs_up() -> None:
    async with asking(silence) as (server, model):
        waiting = asyncio.create_task(model.complete(question()))
        await server.until_asked()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await eventually(lambda: server.left == 1)
