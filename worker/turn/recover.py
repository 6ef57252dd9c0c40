"""What happens instead of an answer: the history starts afresh and the client gets a placeholder (spec, 7.5, 7.6)."""

from typing import cast
from zlib import crc32

from worker.core.output_checks import clean, fault_of
from worker.definitions.agent import Agent
from worker.definitions.completion import CompletionMessage
from worker.definitions.tools import Offer
from worker.turn.commits import cut, push_text
from worker.turn.completing import NO_TOOLS, asked, mapped
from worker.turn.guard import blame, hooked, tell
from worker.turn.navigation import session_info
from worker.turn.port import OpenTurn
from worker.turn.sizes import oversize


def placeholder(turn: OpenTurn) -> str:
    """Return the text that stands for an answer; the same one in every attempt of a request."""
    texts = turn.swarm.texts.placeholders
    return texts[crc32(turn.request.request_id.encode()) % len(texts)]


async def resurrect(turn: OpenTurn, agent: Agent, mode: str, reason: str) -> str:
    """Hide the history that led here from the model and return the placeholder.

    Unless the swarm's strategy is `flush` the model is asked once more, without tools; what it says then stands in
    the history for the next turn.
    """
    if agent.callbacks.on_resurrect is not None:
        await tell(turn, agent.name, agent.callbacks.on_resurrect, mode, reason)
    cut(turn, "resque", reason, agent.name)
    push_text(turn, "user", turn.swarm.texts.flush, agent.name, "tool")
    if turn.swarm.resque_strategy != "flush":
        await _try_afresh(turn, agent, mode)
    return placeholder(turn)


async def _try_afresh(turn: OpenTurn, agent: Agent, mode: str) -> None:
    answer = await asked(turn, agent, mode, NO_TOOLS)
    if await is_usable(turn, agent, answer) and not answer.tool_calls:
        push_text(turn, "assistant", answer.content, agent.name, "tool")
    else:
        cut(turn, "resque", "no usable answer after starting afresh", agent.name)


async def usable_answer(turn: OpenTurn, agent: Agent, mode: str, offer: Offer) -> CompletionMessage:
    """Return the model's answer; a bad one gets the second chance that the swarm gives (not under `flush`)."""
    answer = await asked(turn, agent, mode, offer)
    if await is_usable(turn, agent, answer):
        return answer
    if turn.swarm.resque_strategy == "recomplete":
        push_text(turn, "user", turn.swarm.texts.recomplete, agent.name, "tool")
        return await asked(turn, agent, mode, offer)
    resque = turn.swarm.resque
    text = placeholder(turn)
    return CompletionMessage(text if resque is None else await hooked(turn, "resque", text, resque, session_info(turn)))


async def is_usable(turn: OpenTurn, agent: Agent, answer: CompletionMessage) -> bool:
    """Tell whether an answer, as `map` makes it, calls tools or is a text that may be said."""
    answer = await mapped(turn, agent, answer)
    return bool(answer.tool_calls) or await text_fault(turn, agent, await as_read(turn, agent, answer.content)) is None


async def as_read(turn: OpenTurn, agent: Agent, raw: str) -> str:
    """Return what the client would read of an answer."""
    if agent.transform is None:
        return clean(raw)
    return await hooked(turn, f"transform of agent {agent.name!r}", raw, agent.transform, raw, session_info(turn))


def plain_fault(turn: OpenTurn, text: str) -> str | None:
    """Return what is wrong with a text of an agent that has no check of its own, None when it is fine."""
    return oversize(turn, text) or fault_of(text)


async def text_fault(turn: OpenTurn, agent: Agent, text: str) -> str | None:
    """Return what is wrong with a text that the client would read, None when it is fine."""
    if agent.validate is None:
        return plain_fault(turn, text)
    fault = oversize(turn, text)
    if fault is not None:
        return fault
    what = f"validate of agent {agent.name!r}"
    made = cast("object", await hooked(turn, what, None, agent.validate, text))
    if made is None or isinstance(made, str):
        return made
    blame(turn, f"{what} gave {type(made).__name__}: give what is wrong with the text, None when it is fine")
    return None
