"""The middle room: the active agent answers a message (spec, sections 3.1 and 7.2)."""

from worker.core.outcome import Cancelled, Failed, Outcome, Replied
from worker.definitions.agent import Agent
from worker.definitions.errors import NestingLimitError
from worker.turn import events
from worker.turn.answer import give_up, say
from worker.turn.check_input import check_input
from worker.turn.check_output import check_output
from worker.turn.commits import push_text, push_user
from worker.turn.completing import asked, mapped, offered
from worker.turn.guard import blame, tell
from worker.turn.navigation import active_agent
from worker.turn.nesting import nested
from worker.turn.operator import consult
from worker.turn.port import OpenTurn
from worker.turn.recover import placeholder, usable_answer
from worker.turn.tools import use_tools


async def execute(turn: OpenTurn, message: str, mode: str) -> Outcome:
    """Carry a message through policies, agent and policies."""
    refused = await check_input(turn, message)
    return refused or await carry(turn, message, mode)


async def carry(turn: OpenTurn, message: str, mode: str) -> Outcome:
    """Carry a message that was let in through agent and output policies."""
    if turn.progress.answering is None:
        turn.progress.answering = message, mode
    if turn.swarm.callbacks.on_execute is not None:
        await tell(turn, active_agent(turn).name, turn.swarm.callbacks.on_execute, message, mode)
    answer = await _answered(turn, message, mode)
    if turn.cancelled_by:
        return Cancelled(turn.cancelled_by)
    if turn.all_events:
        events.output_awaited(turn, answer)
    fault = turn.progress.fault
    if fault is not None:
        answer = placeholder(turn)
    refused = await check_output(turn, answer)
    if refused is not None:
        return refused
    events.executed(turn, message, mode, answer)
    return Replied(answer) if fault is None else fault._replace(output=answer)


async def execute_in_tool(turn: OpenTurn, message: str) -> str:
    """Let a tool ask the active agent; raises `NestingLimitError` when the turn has asked too often."""
    if turn.progress.asked >= turn.swarm.max_nested_executions:
        raise NestingLimitError(f"this turn asked its agents {turn.progress.asked} times")
    with nested(turn) as agent_name:
        events.nested_begin(turn, agent_name)
        status = "cancelled"
        try:
            outcome = await execute(turn, message, "tool")
            status = "completed" if isinstance(outcome, Replied) else type(outcome).__name__.lower()
        finally:
            events.nested_end(turn, agent_name, status)
    if isinstance(outcome, Replied | Failed):
        return outcome.output
    return getattr(outcome, "ban_message", "")


async def _answered(turn: OpenTurn, message: str, mode: str) -> str:
    agent = active_agent(turn)
    if turn.all_events:
        events.agent_resolved(turn, agent.name)
    content = message.strip()
    if agent.callbacks.on_execute is not None:
        await tell(turn, agent.name, agent.callbacks.on_execute, content, mode)
    if agent.operator is None:
        push_user(turn, content, agent.name, mode)
    answer: str | None = None
    while answer is None:
        # A hand-off ends the loop's round with another agent active: that one goes on.
        agent = active_agent(turn)
        answer = await (_round(turn, agent, mode) if agent.operator is None else consult(turn, agent, content, mode))
    if turn.progress.batch is not None:
        turn.progress.answer = answer
    return answer


async def _round(turn: OpenTurn, agent: Agent, mode: str) -> str | None:
    """Ask the model once and do what it wants; return the answer, None when it is to be asked again."""
    if turn.progress.asked >= turn.swarm.max_nested_executions:
        blame(turn, f"this turn asked its agents {turn.progress.asked} times without an answer")
        return await give_up(turn, agent, mode, "too many questions in one turn")
    offer = agent.fixed_offer or await offered(turn, agent)
    ask = asked if turn.swarm.resque_strategy == "flush" else usable_answer
    message = await ask(turn, agent, mode, offer)
    if agent.map is not None:
        message = await mapped(turn, agent, message)
    if message.tool_calls:
        return await use_tools(turn, agent, mode, message, offer)
    push_text(turn, "assistant", message.content, agent.name, "tool")
    return await say(turn, agent, mode, message.content)
