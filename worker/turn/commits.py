"""What a turn puts into the history: callback first, then the record, then its events (spec, sections 3.6 and 7.10)."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from worker.core.history import record_of, text_record
from worker.core.json_text import quote
from worker.core.messages import Message, ToolCall
from worker.core.tool_calls import call_id
from worker.definitions.agent import Agent
from worker.definitions.callbacks import AgentCallbacks, OnText
from worker.turn import events
from worker.turn.guard import survive, tell
from worker.turn.navigation import active_agent
from worker.turn.operator import put
from worker.turn.port import OpenTurn


def push_text(turn: OpenTurn, role: str, content: str, agent_name: str, mode: str) -> None:
    """Add a plain message to the history."""
    progress, quoted = turn.progress, quote(content)
    progress.question, progress.quoted = None, (content, quoted)
    turn.records.append(text_record(role, quoted, agent_name, mode))
    if not content or role == "system":
        _take_no_place(turn)
    if turn.all_events:
        events.pushed(turn, Message(role, content, agent_name, mode))


def cut(turn: OpenTurn, role: str, reason: str, agent_name: str) -> None:
    """Add a record that hides everything before it from the model; `role` is flush or resque."""
    push_text(turn, role, reason, agent_name, "tool")
    if turn.session.system:
        turn.session.system = []
    turn.session.older = None


def push(turn: OpenTurn, message: Message) -> None:
    """Add any message to the history."""
    turn.records.append(record_of(message))
    turn.progress.question = None
    if turn.swarm.is_mixed or not (message.content or message.tool_calls):
        _take_no_place(turn)
    events.pushed(turn, message)


def _take_no_place(turn: OpenTurn) -> None:
    """Note that the newest record is not for every model, so it must not push out of the window what is.

    A turn without such records leaves a window that suffices as it was: each one that it adds may push out another.
    """
    if turn.session.older is None:
        turn.session.older = []


def push_user(turn: OpenTurn, content: str, agent_name: str, mode: str, payload: JsonValue = None) -> None:
    """Add a user message; what the client itself wrote carries the payload of its request, or the one given."""
    carried = turn.payload if payload is None else payload
    if carried is None or mode != "user":
        push_text(turn, "user", content, agent_name, mode)
    else:
        push(turn, Message("user", content, agent_name, mode, payload=carried))
    turn.progress.question = content or None  # a model is shown no empty message


def new_call_id(turn: OpenTurn) -> str:
    """Return a fresh id for a tool call: the same one in the next attempt of the turn."""
    turn.progress.calls += 1
    return call_id(turn.request.request_id, turn.progress.calls)


def _on_message(callbacks: AgentCallbacks, role: str) -> OnText | None:
    match role:
        case "user":
            return callbacks.on_user_message
        case "system":
            return callbacks.on_system_message
        case "developer":
            return callbacks.on_developer_message
        case _:
            return callbacks.on_assistant_message


async def commit_message(
    turn: OpenTurn, role: str, message: str, mode: str = "tool", payload: JsonValue = None
) -> None:
    """Add a message that no model answers; `role` is user, system, developer or assistant."""
    agent, content = _resolved(turn), message.strip()
    if agent.operator is not None:
        _shown(turn, agent, role, message)
        return
    callback = _on_message(agent.callbacks, role)
    if callback is not None:
        await tell(turn, agent.name, callback, content)
    if role == "user":
        push_user(turn, content, agent.name, mode, payload)
    else:
        push_text(turn, role, content, agent.name, mode)
    if role == "system":
        turn.session.system = [*turn.session.system, turn.records[-1]][-turn.swarm.history_max :]
    _committed(turn, agent, f"commit-{role}-message", {"message": message})


async def commit_tool_output(turn: OpenTurn, tool_id: str, content: str, agent_name: str = "") -> None:
    """Add the output of a tool call, in the name of the active agent unless another is given."""
    agent = _resolved(turn)
    owner = turn.swarm.agents_by_name.get(agent_name, agent)
    if owner.operator is not None:
        _passed_over(turn, owner, "commit-tool-output", {"toolId": tool_id, "content": content})
        return
    if owner.callbacks.on_tool_output is not None:
        await tell(turn, owner.name, owner.callbacks.on_tool_output, tool_id, content)
    push(turn, Message("tool", content, owner.name, "tool", tool_call_id=tool_id))
    batch = turn.progress.batch
    if batch is not None:
        batch.committed.add(tool_id)
    _committed(turn, owner, "commit-tool-output", {"toolId": tool_id, "content": content})


async def commit_tool_request(turn: OpenTurn, requests: Sequence[tuple[str, Mapping[str, JsonValue]]]) -> list[str]:
    """Add tool calls as if the model had asked for them; return their ids."""
    agent = _resolved(turn)
    asked = [{"toolName": name, "params": dict(arguments)} for name, arguments in requests]
    if agent.operator is not None:
        _passed_over(turn, agent, "commit-tool-request", {"request": asked})
        return []
    calls = [ToolCall(new_call_id(turn), name, arguments) for name, arguments in requests]
    if agent.callbacks.on_tool_request is not None:
        await tell(turn, agent.name, agent.callbacks.on_tool_request, calls)
    push(turn, Message("assistant", "", agent.name, "tool", tool_calls=calls))
    _committed(turn, agent, "commit-tool-request", {"request": asked})
    return [call.id for call in calls]


async def commit_flush(turn: OpenTurn) -> None:
    """Hide all history so far from the model."""
    agent = _resolved(turn)
    if agent.operator is not None:
        _passed_over(turn, agent, "commit-flush", {})
        return
    if agent.callbacks.on_flush is not None:
        await tell(turn, agent.name, agent.callbacks.on_flush)
    cut(turn, "flush", "", agent.name)
    _committed(turn, agent, "commit-flush", {})


async def commit_stop_tools(turn: OpenTurn) -> None:
    """Let no further call of the batch under way run."""
    agent = _resolved(turn)
    batch = turn.progress.batch
    if batch is not None:
        batch.stopped = True
    _committed(turn, agent, "commit-stop-tools", {})


def _shown(turn: OpenTurn, agent: Agent, role: str, message: str) -> None:
    """Show a human what the client says; nothing else is for human eyes."""
    if role == "user":
        put(turn, agent, message.strip())
        events.session_event(turn, "commit-user-message", {"message": message})
    else:
        _passed_over(turn, agent, f"commit-{role}-message", {"message": message})


def _passed_over(turn: OpenTurn, agent: Agent, kind: str, given: Mapping[str, object]) -> None:
    """Note a commit to an agent who is human: there is no model that would see it."""
    survive(turn, "operator_commit", None, f"agent {agent.name!r} is an operator: {kind} is not kept")
    events.session_event(turn, kind, given)


def _resolved(turn: OpenTurn) -> Agent:
    agent = active_agent(turn)
    events.agent_resolved(turn, agent.name)
    return agent


def _committed(turn: OpenTurn, agent: Agent, kind: str, given: Mapping[str, object]) -> None:
    events.agent_event(turn, agent.name, kind, given)
    events.session_event(turn, kind, given)
