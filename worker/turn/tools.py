"""The tool calls of one answer: chosen, all validated, then made one after another (spec, sections 7.2 and 7.3)."""

from asyncio import to_thread
from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from typing import NamedTuple, cast

from pydantic import JsonValue, ValidationError

from worker.clock import monotonic
from worker.core.json_text import dumps
from worker.core.messages import Message, ToolCall
from worker.core.tool_calls import doubled_ids, selected
from worker.definitions.agent import Agent
from worker.definitions.completion import CompletionMessage
from worker.definitions.tools import Offer, Tool
from worker.errors import Retryable, SwarmlineError
from worker.turn.answer import give_up, say
from worker.turn.answer_shape import fault_of_calls
from worker.turn.commits import commit_tool_output, new_call_id, push
from worker.turn.effects import Mark, effects_since, mark, repeat
from worker.turn.guard import awaited, blame, hooked, survive, tell
from worker.turn.journal import entry_of, keep, may_start, next_step, recorded
from worker.turn.limits import TookTooLongError, outcome_of, within
from worker.turn.navigation import session_info
from worker.turn.port import OpenTurn
from worker.turn.progress import Batch
from worker.turn.retry import postpone
from worker.turn.sizes import oversize


class Prepared(NamedTuple):
    """A call that may be made."""

    tool: Tool
    call: ToolCall
    arguments: dict[str, object]


async def use_tools(turn: OpenTurn, agent: Agent, mode: str, message: CompletionMessage, offer: Offer) -> str | None:
    """Make the calls that the model asked for; return the answer, None when the model is to be asked again."""
    calls = await _asked_for(turn, agent, message)
    if doubled_ids(calls):
        blame(turn, f"the completion of agent {agent.name!r} gave two tool calls the same id")
        return await give_up(turn, agent, mode, "tool calls with the same id")
    calls = selected(calls, agent.max_tool_calls, offer.navigation)
    push(turn, Message("assistant", message.content, agent.name, "tool", tool_calls=calls))
    if not calls:
        return await say(turn, agent, mode, message.content)
    prepared: list[Prepared] = []
    for call in calls:
        one = await _prepared(turn, agent, call, offer)
        if one is None:
            return await give_up(turn, agent, mode, f"tool call {call.name} {dumps(dict(call.arguments))} is not valid")
        prepared.append(one)
    return await _made(turn, agent, mode, prepared, message.content)


async def _asked_for(turn: OpenTurn, agent: Agent, message: CompletionMessage) -> Sequence[ToolCall]:
    calls: Sequence[ToolCall] = [
        call if call.id else ToolCall(new_call_id(turn), call.name, call.arguments) for call in message.tool_calls
    ]
    if agent.map_tool_calls is None:
        return calls
    what = f"map_tool_calls of agent {agent.name!r}"
    made = await hooked(turn, what, calls, agent.map_tool_calls, calls, session_info(turn))
    fault = fault_of_calls(made)
    if fault is None:
        return made
    blame(turn, f"{what} gave {fault}")
    return calls


async def _prepared(turn: OpenTurn, agent: Agent, call: ToolCall, offer: Offer) -> Prepared | None:
    """Return the call with its arguments as the function wants them, None when it must not be made."""
    tool = offer.tools.get(call.name)
    if tool is None:
        return None
    if tool.callbacks.on_validate is not None:
        await tell(turn, agent.name, tool.callbacks.on_validate, call)
    if not await _is_valid(turn, tool, call):
        return None
    if tool.arguments_model is None:
        return Prepared(tool, call, dict(call.arguments))
    try:
        checked = tool.arguments_model.model_validate(call.arguments)
    except ValidationError:
        return None
    return Prepared(tool, call, {name: getattr(checked, name) for name in tool.arguments_model.model_fields})


async def _is_valid(turn: OpenTurn, tool: Tool, call: ToolCall) -> bool:
    if tool.validate is None:
        return True
    try:
        return bool(await awaited(turn, tool.validate(call, session_info(turn))))
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - a check that can't be made counts as a no
        survive(turn, "validator_error", error, f"validate of tool {tool.name!r}")
        return False


async def _made(turn: OpenTurn, agent: Agent, mode: str, prepared: Sequence[Prepared], reason: str) -> str | None:
    calls = [one.call for one in prepared]
    progress, batch = turn.progress, Batch(agent.name, calls, reason)
    around, answer_before = progress.batch, progress.answer
    progress.batch, progress.answer = batch, None
    failure: str | None = None
    for one in prepared:
        batch.call_id, batch.is_last, batch.touched = one.call.id, one is prepared[-1], False
        failure = await _one_made(turn, agent, batch, one)
        if failure is not None or batch.stopped or turn.cancelled_by:
            break
    if agent.callbacks.on_after_tool_calls is not None:
        await tell(turn, agent.name, agent.callbacks.on_after_tool_calls, calls)
    answer, progress.answer, progress.batch = progress.answer, answer_before, around
    if failure is not None:
        return await give_up(turn, agent, mode, failure)
    if turn.cancelled_by:
        return ""
    return batch.emitted if answer is None else answer


async def _one_made(turn: OpenTurn, agent: Agent, batch: Batch, one: Prepared) -> str | None:
    """Make one call; return what went wrong, None when nothing did."""
    tool, call = one.tool, one.call
    await may_start(turn)
    number, given = next_step(turn), [call.id, dict(call.arguments)]
    batch.call_step = number
    for effects in recorded(turn, number, f"tool:{call.name}", given):
        repeat(turn, batch, cast("dict[str, JsonValue]", effects))
        return None
    start = mark(turn)
    if tool.callbacks.on_before_call is not None:
        await tell(turn, agent.name, tool.callbacks.on_before_call, call)
    began, metrics = monotonic(), turn.port.metrics
    try:
        returned = await _calling(turn, agent, one)
        text = _text_of(turn, returned)
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a tool raises is this turn's failure
        metrics.tool_called(tool.name, outcome_of(error), monotonic() - began)
        return await _failed(turn, agent, one, error)
    metrics.tool_called(tool.name, "ok", monotonic() - began)
    if tool.callbacks.on_after_call is not None:
        await tell(turn, agent.name, tool.callbacks.on_after_call, call, text)
    await _output_committed(turn, batch, call, None if returned is None else text)
    _journal(turn, batch, start, number, one)
    return None


def _calling(turn: OpenTurn, agent: Agent, one: Prepared) -> Awaitable[object]:
    tool, call = one.tool, one.call
    calling = within(tool.timeout_s or agent.tool_timeout_s, _result(turn, agent, one), turn.waiting)
    return calling if turn.trace is None else turn.trace.calling(call.name, call.id, calling)


async def _result(turn: OpenTurn, agent: Agent, one: Prepared) -> object:
    arguments = one.arguments
    if one.tool.turn_parameter:
        arguments = arguments | {one.tool.turn_parameter: turn.rooms.face(turn, agent.name)}
    if one.tool.is_async:
        result = one.tool.function(**arguments)
    else:
        result = await to_thread(one.tool.function, **arguments)
    return await result if isawaitable(result) else result


async def _output_committed(turn: OpenTurn, batch: Batch, call: ToolCall, returned: str | None) -> None:
    """Commit what a tool returned; one that returned nothing and did nothing still gets an output.

    Without one the model would not see its own call again, and would make it for ever.
    """
    if returned is not None:
        batch.emitted = None
    elif batch.touched:
        return
    if call.id not in batch.committed:
        text = turn.swarm.texts.tool_done if returned is None else returned
        await commit_tool_output(turn, call.id, text, batch.agent_name)


class _NoTextError(Exception):
    """What a tool returned can't be its output."""


def _text_of(turn: OpenTurn, returned: object) -> str:
    try:
        text = returned if isinstance(returned, str) else dumps(returned)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(returned).__name__
        raise _NoTextError(f"returned {kind}, which is not JSON: return text, or what JSON can hold") from error
    fault = oversize(turn, text)
    if fault is not None:
        raise _NoTextError(f"returned a text {fault}: return less")
    return text


async def _failed(turn: OpenTurn, agent: Agent, one: Prepared, error: Exception) -> str:
    tool, call = one.tool, one.call
    who = f"tool {call.name!r} of agent {agent.name!r}"
    match error:
        case TookTooLongError():
            blame(turn, f"{who} took longer than its time limit")
        case _NoTextError():
            blame(turn, f"{who} {error}", error)
        case Retryable():
            postpone(turn, f"{who} raised {type(error).__name__}", error)
        case _:
            blame(turn, f"{who} raised {type(error).__name__}", error)
    if tool.callbacks.on_call_error is not None:
        await tell(turn, agent.name, tool.callbacks.on_call_error, call, error)
    if agent.callbacks.on_tool_error is not None:
        await tell(turn, agent.name, agent.callbacks.on_tool_error, call.name, error)
    return f"tool call {call.name} {dumps(dict(call.arguments))} failed"


def _journal(turn: OpenTurn, batch: Batch, start: Mark, number: int, one: Prepared) -> None:
    given = [one.call.id, dict(one.call.arguments)]
    entry = entry_of(f"tool:{one.call.name}", given, effects_since(turn, batch, start))
    keep(turn, number, lambda: entry)
