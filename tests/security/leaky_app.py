"""An application that puts what people say wherever an exception or a log line could carry it."""

import asyncio
import gc
import logging

from worker import (
    Agent,
    App,
    CompletionMessage,
    CompletionRequest,
    Policy,
    Retryable,
    SessionInfo,
    Swarm,
    SwarmCallbacks,
    ToolCall,
    Turn,
    tool,
)

#: messages ask for one of these by their first word
ACCIDENTS = (
    "agent", "chain", "group", "retryable", "exit", "tool", "arguments", "unknown", "task", "library",
    "input", "output", "nothing",
)  # fmt: skip


@tool
async def look_up(text: str, number: int = 0) -> str:
    """Look something up, and fail."""
    raise RuntimeError(f"{text} {number}")


async def _lose_a_task(message: str) -> None:
    async def fail() -> None:
        raise LookupError(message)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()


def _raise(verb: str, message: str) -> None:
    if verb == "agent":
        raise RuntimeError(message)
    if verb == "chain":
        raise ValueError(message) from KeyError(message)
    if verb == "group":
        raise ExceptionGroup(message, [ValueError(message)])
    if verb == "retryable":
        raise Retryable(message)
    if verb == "exit":
        raise SystemExit(message)


async def answer(request: CompletionRequest) -> CompletionMessage:
    """Have the accident that the newest message asks for."""
    message = request.messages[-1].content
    verb = message.split()[0] if request.messages[-1].role == "user" else ""
    _raise(verb, message)
    if verb == "task":
        await _lose_a_task(message)
    if verb == "library":
        logging.getLogger("somebody.else").debug("sending %s", message)
        logging.getLogger("asyncio").debug("sending %s", message)
    calls = {
        "tool": ToolCall("", "look_up", {"text": message}),
        "arguments": ToolCall("", "look_up", {"text": message, "number": message}),
        "unknown": ToolCall("", "no_such_tool", {"text": message}),
    }
    return CompletionMessage(f"said {message}", (calls[verb],) if verb in calls else ())


def _fail_on_input(message: str, _: SessionInfo) -> bool:
    if message.startswith("input"):
        raise RuntimeError(message)
    return True


def _fail_on_output(message: str, _: SessionInfo) -> bool:
    if message.startswith("said output"):
        raise RuntimeError(message)
    return True


def _fail_at_the_end(turn: Turn) -> None:
    raise RuntimeError(f"{turn.client_id} {[message.content for message in turn.history()]}")


app = App(
    swarms=[
        Swarm(
            "leaky",
            agents=[Agent("talker", completion=answer, tools=[look_up])],
            default_agent="talker",
            policies=[Policy("odd", validate_input=_fail_on_input, validate_output=_fail_on_output, ban_message="no")],
            callbacks=SwarmCallbacks(on_dispose=_fail_at_the_end),
        )
    ]
)
