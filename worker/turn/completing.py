"""One question to a model: what it is shown, its time limit, its place in the journal (spec, section 7.5)."""

from asyncio import gather
from collections.abc import Awaitable, Iterable, Sequence
from functools import partial
from typing import cast

from pydantic import JsonValue

from worker.clock import monotonic
from worker.core.history import LazyView, call_json
from worker.core.messages import Message, ToolCall
from worker.definitions.agent import Agent, system_lines
from worker.definitions.completion import CompletionMessage, CompletionRequest, ToolSpec
from worker.definitions.tools import Offer, Tool, offer_of
from worker.errors import Retryable, SwarmlineError
from worker.turn.answer_shape import are_lines, fault_of_answer
from worker.turn.guard import blame, hooked
from worker.turn.journal import entry_of, may_start, recorded, write
from worker.turn.limits import TookTooLongError, outcome_of, within
from worker.turn.navigation import session_info
from worker.turn.port import OpenTurn
from worker.turn.retry import postpone

NO_TOOLS = offer_of([])
_NO_ANSWER = CompletionMessage()


async def offered(turn: OpenTurn, agent: Agent) -> Offer:
    """Find out which tools are offered now, in order of definition; one that can't be asked is left out."""
    specs = await gather(*(_described(turn, tool) for tool in agent.all_tools))
    return offer_of((spec, tool) for spec, tool in zip(specs, agent.all_tools, strict=True) if spec is not None)


async def _described(turn: OpenTurn, tool: Tool) -> ToolSpec | None:
    info = session_info(turn)
    if tool.is_available is not None:
        available = await hooked(turn, f"is_available of tool {tool.name!r}", False, tool.is_available, info)  # noqa: FBT003 - the fallback
        if not available:
            return None
    if tool.describe is None:
        return tool.spec
    made = cast("object", await hooked(turn, f"describe of tool {tool.name!r}", None, tool.describe, info))
    if made is None or isinstance(made, ToolSpec):
        return made
    blame(turn, f"describe of tool {tool.name!r} gave {type(made).__name__}: give a ToolSpec")
    return None


def shown(turn: OpenTurn, agent: Agent, lines: Sequence[Message]) -> LazyView:
    """Return what the model of an agent is shown: prompt and system lines, then its view of the history."""
    records = turn.records
    return LazyView(lines, turn.session.shown_history(records), records, agent.view_of)


async def lines_of(turn: OpenTurn, agent: Agent) -> tuple[Message, ...]:
    """Compute the prompt and system lines of an agent whose lines are not fixed."""
    info, prompt, dynamic = session_info(turn), agent.prompt, agent.system_dynamic
    opening = prompt if isinstance(prompt, str) else await hooked(turn, f"prompt of {agent.name!r}", "", prompt, info)
    more: str | Sequence[str] = ()
    if dynamic is not None:
        what = f"system_dynamic of {agent.name!r}"
        made = await hooked(turn, what, more, dynamic, info)
        if are_lines(made):
            more = made
        else:
            blame(turn, f"{what} gave {type(made).__name__}: give text, or a list of text")
    return system_lines(opening, agent.system, more)


def asked(
    turn: OpenTurn, agent: Agent, mode: str, offer: Offer, lines: Sequence[Message] | None = None
) -> Awaitable[CompletionMessage]:
    """Ask the model about the history; on an error or a time-out the turn is to fail and the answer is empty."""
    lines = agent.fixed_lines if lines is None else lines
    if lines is None:
        return _asked_with_new_lines(turn, agent, mode, offer)
    progress = turn.progress
    progress.asked += 1
    question = progress.question if agent.sees_question else None
    return questioned(turn, agent, mode, shown(turn, agent, lines), offer, question)


async def _asked_with_new_lines(turn: OpenTurn, agent: Agent, mode: str, offer: Offer) -> CompletionMessage:
    lines = await lines_of(turn, agent)
    turn.progress.lines = {**turn.progress.lines, agent.name: lines}
    return await asked(turn, agent, mode, offer, lines)


async def questioned(
    turn: OpenTurn,
    agent: Agent,
    mode: str,
    messages: Sequence[Message],
    offer: Offer,
    question: str | None = None,
) -> CompletionMessage:
    """Ask the model about any messages, the last of them `question` where that is known; ends as `asked`."""
    progress = turn.progress
    progress.steps = number = progress.steps + 1
    client_id, swarm_name, tools = turn.session.client_id, turn.swarm.name, offer.specs
    request = CompletionRequest(client_id, swarm_name, agent.name, mode, messages, tools, turn.emit_delta, question)
    if turn.replay:
        for result in recorded(turn, number, "completion", _given(agent, request)):
            return _message_of(result)
    if number == 1:
        await turn.port.fresh(turn)
    else:
        await may_start(turn)
    began = monotonic()
    try:
        answer = await _asking(turn, agent, request)
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model's adapter raises is this turn's failure
        return _unanswered(turn, agent, began, error)
    fault = fault_of_answer(answer)
    if fault is not None:
        turn.port.metrics.model_called(agent.name, agent.model, "error", monotonic() - began)
        blame(turn, f"the completion of agent {agent.name!r} gave {fault}")
        return _NO_ANSWER
    _count(turn, agent, began, answer)
    progress.unwritten.append((number, partial(_entry, agent, request, answer)))
    if progress.batch is not None:
        await write(turn)
    return answer


async def mapped(turn: OpenTurn, agent: Agent, answer: CompletionMessage) -> CompletionMessage:
    """Return what the agent's own `map` makes of an answer, the answer itself when it has none or makes no answer."""
    if agent.map is None:
        return answer
    made = await hooked(turn, f"map of agent {agent.name!r}", answer, agent.map, answer, session_info(turn))
    fault = fault_of_answer(made)
    if fault is None:
        return made
    blame(turn, f"map of agent {agent.name!r} gave {fault}")
    return answer


def _asking(turn: OpenTurn, agent: Agent, request: CompletionRequest) -> Awaitable[CompletionMessage]:
    asking = within(agent.completion_timeout_s, agent.complete(request), turn.waiting)
    return asking if turn.trace is None else turn.trace.asking(agent.name, agent.model, asking)


def _count(turn: OpenTurn, agent: Agent, began: float, answer: CompletionMessage) -> None:
    metrics = turn.port.metrics
    metrics.model_called(agent.name, agent.model, "ok", monotonic() - began)
    if answer.usage is not None:
        metrics.model_tokens("input", answer.usage.input_tokens)
        metrics.model_tokens("output", answer.usage.output_tokens)


def _unanswered(turn: OpenTurn, agent: Agent, began: float, error: Exception) -> CompletionMessage:
    turn.port.metrics.model_called(agent.name, agent.model, outcome_of(error), monotonic() - began)
    raised = f"the completion of agent {agent.name!r} raised {type(error).__name__}"
    if isinstance(error, TookTooLongError):
        blame(turn, f"the completion of agent {agent.name!r} took longer than {agent.completion_timeout_s:g} s")
    elif isinstance(error, Retryable):
        postpone(turn, raised, error)
    else:
        blame(turn, raised, error)
    return _NO_ANSWER


def _entry(agent: Agent, request: CompletionRequest, answer: CompletionMessage) -> str:
    calls = [call_json(call) for call in answer.tool_calls]
    return entry_of("completion", _given(agent, request), {"content": answer.content, "toolCalls": calls})


def _given(agent: Agent, request: CompletionRequest) -> list[object]:
    messages: Iterable[Message] = request.messages
    if agent.fixed_lines is None:
        # Lines that tell the time differ in each attempt: a payment must not be made twice for that.
        messages = (message for message in messages if message.agent_name)
    tools = [spec.name for spec in request.tools]
    return [request.agent_name, request.mode, tools, [_plain(message) for message in messages]]


def _plain(message: Message) -> list[object]:
    return [message.role, message.content, [call_json(call) for call in message.tool_calls], message.tool_call_id]


def _message_of(result: JsonValue) -> CompletionMessage:
    fields = cast("dict[str, JsonValue]", result)
    calls = cast("list[dict[str, JsonValue]]", fields["toolCalls"])
    return CompletionMessage(str(fields["content"]), tuple(_call_of(call) for call in calls))


def _call_of(call: dict[str, JsonValue]) -> ToolCall:
    function = cast("dict[str, JsonValue]", call["function"])
    arguments = cast("dict[str, JsonValue]", function["arguments"])
    return ToolCall(str(call["id"]), str(function["name"]), arguments)
