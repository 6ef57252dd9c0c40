"""The middle room: the active agent answers a message (spec, sections 3.1 and 7.2)."""

from collections.abc import Awaitable

from worker.core.outcome import Cancelled, Outcome, Refused, Replied
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


def execute(turn: OpenTurn, message: str, mode: str) -> Awaitable[Outcome]:
    """Carry a message through policies, agent and policies."""
    refused = check_input(turn, message)
    return carry(turn, message, mode) if refused is None else _carry_unless(refused, turn, message, mode)


async def _carry_unless(refused: Awaitable[Refused | None], turn: OpenTurn, message: str, mode: str) -> Outcome:
    return await refused or await carry(turn, message, mode)


async def carry(turn: OpenTurn, message: str, mode: str) -> Outcome:
    """Carry a message that was let in through agent and output policies."""
    progress = turn.progress
    if progress.answering is None:
        progress.answering = message, mode
    agent = await _announced(turn, message, mode) if turn.swarm.tells_execute else active_agent(turn)
    content = message.strip()
    if agent.operator is None:
        push_user(turn, content, agent.name, mode)
    message_json = progress.json_of(message)
    progress.answer = answer = await _answer(turn, content, mode)
    if turn.cancelled_by:
        return Cancelled(turn.cancelled_by)
    if turn.all_events:
        events.output_awaited(turn, answer)
    fault = progress.fault
    if fault is not None:
        answer = placeholder(turn)
    looked = check_output(turn, answer)
    refused = None if looked is None else await looked
    if refused is not None:
        return refused
    events.executed(turn, message_json, mode, answer)
    return Replied(answer) if fault is None else fault._replace(output=answer)


async def _announced(turn: OpenTurn, message: str, mode: str) -> Agent:
    """Tell who wants to know that a message is to be answered; return the agent that it is for."""
    on_execute = turn.swarm.callbacks.on_execute
    if on_execute is not None:
        await tell(turn, active_agent(turn).name, on_execute, message, mode)
    agent = active_agent(turn)
    events.agent_resolved(turn, agent.name)
    if agent.callbacks.on_execute is not None:
        await tell(turn, agent.name, agent.callbacks.on_execute, message.strip(), mode)
    return agent


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
    return outcome.output


async def _answer(turn: OpenTurn, content: str, mode: str) -> str:
    """Ask the active agent, and do what it wants, until it has an answer."""
    while True:
        # A hand-off makes another agent active: that one goes on.
        agent = active_agent(turn)
        if agent.operator is not None:
            return await consult(turn, agent, content, mode)
        if turn.progress.asked >= turn.swarm.max_nested_executions:
            blame(turn, f"this turn asked its agents {turn.progress.asked} times without an answer")
            return await give_up(turn, agent, mode, "too many questions in one turn")
        offer = agent.fixed_offer or await offered(turn, agent)
        ask = asked if turn.swarm.resque_strategy == "flush" else usable_answer
        message = await ask(turn, agent, mode, offer)
        if agent.map is not None:
            message = await mapped(turn, agent, message)
        if not message.tool_calls:
            push_text(turn, "assistant", message.content, agent.name, "tool")
            return await say(turn, agent, mode, message.content)
        answer = await use_tools(turn, agent, mode, message, offer)
        if answer is not None:
            return answer
