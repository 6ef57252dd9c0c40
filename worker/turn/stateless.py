"""A question beside the conversation: leaves no history, asks no policy, has no tools (spec, sections 3.2 and 7.8)."""

from worker.core.messages import Message
from worker.core.outcome import Outcome, Replied
from worker.definitions.agent import Agent
from worker.definitions.completion import CompletionMessage
from worker.turn import events
from worker.turn.completing import NO_TOOLS, lines_of, mapped, questioned, shown
from worker.turn.guard import tell
from worker.turn.navigation import active_agent
from worker.turn.nesting import nested
from worker.turn.port import OpenTurn
from worker.turn.recover import as_read, placeholder, text_fault


async def run(turn: OpenTurn, message: str) -> Outcome:
    """Ask the active agent; an answer that calls tools or may not be said becomes `""`."""
    agent = active_agent(turn)
    if turn.swarm.callbacks.on_run is not None:
        await tell(turn, agent.name, turn.swarm.callbacks.on_run, message)
    events.agent_resolved(turn, agent.name)
    result = await _answer(turn, agent, message)
    events.agent_event(turn, agent.name, "run", {"message": message}, {"result": result})
    fault = turn.progress.fault
    if fault is not None:
        result = placeholder(turn)
    events.session_event(turn, "run", {"message": message}, {"result": result})
    return Replied(result) if fault is None else fault._replace(output=result)


async def run_in_tool(turn: OpenTurn, message: str) -> str:
    """Let a tool or a callback ask the active agent; return its answer, `""` when there is none.

    Raises `NestingLimitError` when too much is under way already.
    """
    with nested(turn) as agent_name:
        events.nested_begin(turn, agent_name)
        status = "cancelled"
        try:
            outcome = await run(turn, message)
            status = "completed" if isinstance(outcome, Replied) else "failed"
        finally:
            events.nested_end(turn, agent_name, status)
    return outcome.output if isinstance(outcome, Replied) else ""


async def _answer(turn: OpenTurn, agent: Agent, message: str) -> str:
    if agent.operator is not None:
        return ""
    if agent.callbacks.on_run is not None:
        await tell(turn, agent.name, agent.callbacks.on_run, message)
    messages = [*shown(turn, agent, await lines_of(turn, agent)), Message("user", message, agent.name, "user")]
    answer: CompletionMessage = await questioned(turn, agent, "user", messages, NO_TOOLS, message)
    answer = await mapped(turn, agent, answer)
    text = await as_read(turn, agent, answer.content)
    return "" if answer.tool_calls or await text_fault(turn, agent, text) is not None else text
