"""What an agent says at last: transformed, checked, announced (spec, section 7.7)."""

from worker.definitions.agent import Agent
from worker.turn import events
from worker.turn.guard import tell
from worker.turn.port import OpenTurn
from worker.turn.recover import as_read, resurrect, text_fault


async def say(turn: OpenTurn, agent: Agent, mode: str, raw: str) -> str:
    """Return what the client reads of an answer: the transformed text, or a placeholder for a bad one.

    The history keeps the raw text.
    """
    text = await as_read(turn, agent, raw)
    fault = await text_fault(turn, agent, text)
    if fault is not None:
        text = await as_read(turn, agent, await resurrect(turn, agent, mode, fault))
    return await _announced(turn, agent, mode, raw, text)


async def give_up(turn: OpenTurn, agent: Agent, mode: str, reason: str) -> str:
    """Return a placeholder instead of the answer; `reason` goes to the history."""
    raw = await resurrect(turn, agent, mode, reason)
    return await _announced(turn, agent, mode, raw, await as_read(turn, agent, raw))


async def _announced(turn: OpenTurn, agent: Agent, mode: str, raw: str, text: str) -> str:
    callbacks = agent.callbacks
    if callbacks.on_output is not None:
        await tell(turn, agent.name, callbacks.on_output, text)
    if callbacks.on_assistant_message is not None:
        await tell(turn, agent.name, callbacks.on_assistant_message, text)
    events.output_emitted(turn, agent.name, mode, raw, text)
    return text
