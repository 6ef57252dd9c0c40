"""The room for each kind of request."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from schemas.requests import (
    ChangeAgentBody,
    ChangeToDefaultAgentBody,
    ChangeToPrevAgentBody,
    CommitFlushBody,
    CommitMessageBody,
    CommitStopToolsBody,
    CommitToolOutputBody,
    CommitToolRequestBody,
    CommitUserMessageBody,
    ConnectBody,
    EventBody,
    ExecuteBody,
    RunBody,
)
from worker.core.json_text import dumps
from worker.core.outcome import Outcome, Replied
from worker.turn import commits, control, events, navigation
from worker.turn.coalesce import answer_newest
from worker.turn.dispose import dispose
from worker.turn.execute import execute
from worker.turn.guard import tell
from worker.turn.navigation import active_agent
from worker.turn.one_shot import complete
from worker.turn.operator import operator_answer
from worker.turn.port import OpenTurn
from worker.turn.stateless import run

# Each room takes the body of its own kind, as the table BODIES of the schemas pairs them.
Room = Callable[[OpenTurn, Any], Awaitable[Outcome]]

_DONE: Final = Replied("")


def _execute(turn: OpenTurn, body: ExecuteBody) -> Awaitable[Outcome]:
    if turn.together:
        return answer_newest(turn)
    turn.payload = body.payload
    mode = str(body.mode)
    events.execution_begin(turn, active_agent(turn).name if mode == "tool" else "")
    return execute(turn, body.message, mode)


async def _run(turn: OpenTurn, body: RunBody) -> Outcome:
    events.execution_begin(turn, active_agent(turn).name)
    return await run(turn, body.message)


async def _connect(turn: OpenTurn, _body: ConnectBody) -> Outcome:
    if turn.swarm.callbacks.on_connect is not None:
        await tell(turn, active_agent(turn).name, turn.swarm.callbacks.on_connect)
    events.session_event(turn, "connect")
    return _DONE


async def _commit_user_message(turn: OpenTurn, body: CommitUserMessageBody) -> Outcome:
    turn.payload = body.payload
    await commits.commit_message(turn, "user", body.message, str(body.mode))
    return _DONE


async def _commit_system_message(turn: OpenTurn, body: CommitMessageBody) -> Outcome:
    await commits.commit_message(turn, "system", body.message)
    return _DONE


async def _commit_developer_message(turn: OpenTurn, body: CommitMessageBody) -> Outcome:
    await commits.commit_message(turn, "developer", body.message)
    return _DONE


async def _commit_assistant_message(turn: OpenTurn, body: CommitMessageBody) -> Outcome:
    await commits.commit_message(turn, "assistant", body.message)
    return _DONE


async def _commit_tool_output(turn: OpenTurn, body: CommitToolOutputBody) -> Outcome:
    await commits.commit_tool_output(turn, body.tool_id, body.content)
    return _DONE


async def _commit_tool_request(turn: OpenTurn, body: CommitToolRequestBody) -> Outcome:
    asked = [(request.tool_name, request.params) for request in body.request]
    return Replied(dumps(await commits.commit_tool_request(turn, asked)))


async def _commit_flush(turn: OpenTurn, _body: CommitFlushBody) -> Outcome:
    await commits.commit_flush(turn)
    return _DONE


async def _commit_stop_tools(turn: OpenTurn, _body: CommitStopToolsBody) -> Outcome:
    await commits.commit_stop_tools(turn)
    return _DONE


async def _change_agent(turn: OpenTurn, body: ChangeAgentBody) -> Outcome:
    return _yes_or_no(await navigation.change_agent(turn, body.agent_name))


async def _change_to_default_agent(turn: OpenTurn, _body: ChangeToDefaultAgentBody) -> Outcome:
    return _yes_or_no(await navigation.change_to_default_agent(turn))


async def _change_to_prev_agent(turn: OpenTurn, _body: ChangeToPrevAgentBody) -> Outcome:
    return _yes_or_no(await navigation.change_to_prev_agent(turn))


def _yes_or_no(changed: bool) -> Outcome:  # noqa: FBT001 - it is the output
    return Replied("true" if changed else "false")


async def _event(turn: OpenTurn, body: EventBody) -> Outcome:
    if turn.in_session:
        events.custom_event(turn, body.topic, body.payload)
    return _DONE


ROOMS: Final[Mapping[str, Room]] = MappingProxyType(
    {
        "execute": _execute,
        "run": _run,
        "complete": complete,
        "connect": _connect,
        "commit-user-message": _commit_user_message,
        "commit-system-message": _commit_system_message,
        "commit-developer-message": _commit_developer_message,
        "commit-assistant-message": _commit_assistant_message,
        "commit-tool-output": _commit_tool_output,
        "commit-tool-request": _commit_tool_request,
        "commit-flush": _commit_flush,
        "commit-stop-tools": _commit_stop_tools,
        "change-agent": _change_agent,
        "change-to-default-agent": _change_to_default_agent,
        "change-to-prev-agent": _change_to_prev_agent,
        "event": _event,
        "dispose": dispose,
        "emit": control.emit,
        "notify": control.notify,
        "cancel-output": control.cancel_output,
        "ban": control.ban,
        "unban": control.unban,
        "operator-answer": operator_answer,
    }
)
