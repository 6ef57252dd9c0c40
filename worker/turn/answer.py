"""What an agent says at last: transformed, checked, announced (spec, section 7.7)."""

from worker.core.output_checks import clean
from worker.definitions.agent import NO_CALLBACKS, Agent
from worker.turn import events
from worker.turn.guard import tell
from worker.turn.port import OpenTurn
from worker.turn.recover import as_read, plain_fault, resurrect, text_fault


async def say(turn: OpenTurn, agent: Agent, mode: str, raw: str) -> str:
    """Return what the client reads of an answer: the transformed text, or a placeholder for a bad one.

    The history keeps the raw text.
    """
    text = clean(raw) if agent.transform is None else await as_read(turn, agent, raw)
    fault = plain_fault(turn, text) if agent.validate is None else await text_fault(turn, agent, text)
    if fault is not None:
        text = await as_read(turn, agent, await resurrect(turn, agent, mode, fault))
    if agent.callbacks is not NO_CALLBACKS:
        await _told(turn, agent, text)
    if turn.all_events:
        events.output_emitted(turn, agent.name, mode, raw, text)
    return text


async def give_up(turn: OpenTurn, agent: Agent, mode: str, reason: str) -> str:
    """Return a placeholder instead of the answer; `reason` goes to the history."""
    raw = await resurrect(turn, agent, mode, reason)
    text = await as_read(turn, agent, raw)
    await _told(turn, agent, text)
    events.output_emitted(turn, agent.name, mode, raw, text)
    return text


async def _told(turn: OpenTurn, agent: Agent, text: str) -> None:
    callbacks = agent.callbacks
    if callbacks.on_output is not None:
        await tell(turn, agent.name, callbacks.on_output, text)
    if callbacks.on_assistant_message is not None:
        await tell(turn, agent.name, callbacks.on_assistant_message, text)
