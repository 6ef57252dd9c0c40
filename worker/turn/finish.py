"""The end of a turn: its outcome in the words of the protocol, and all that its commit writes."""

from typing import NamedTuple, assert_never

from schemas.requests import CONTROL_LANE
from worker.core.json_text import quote
from worker.core.outcome import Cancelled, Expired, Failed, Outcome, Refused, Replied, Skipped
from worker.turn import events
from worker.turn.navigation import active_agent
from worker.turn.port import Finished, OpenTurn


class Ending(NamedTuple):
    """An outcome in the words of the protocol; `error` is JSON."""

    status: str
    output: str
    error: str = "null"
    dead_reason: str | None = None
    message: str = ""


def finish(turn: OpenTurn, outcome: Outcome) -> Finished:
    """End a turn that was begun: its records join the session in memory, its number is used up."""
    ending = ending_of(outcome)
    if turn.execution_context:
        events.execution_end(turn, ending.status)
    session, kind = turn.session, turn.request.kind
    rolled_back = turn.cancelled_by == "rollback"
    if rolled_back:
        session.restore(turn.before)
    records = [] if rolled_back else turn.records
    document = session.document() if session.differs_from(turn.before) else None
    if kind not in CONTROL_LANE:
        session.turn = turn.number
        if records:
            session.history_length += len(records)
            session.history = (session.history + records)[-turn.swarm.history_window :]
    return Finished(
        outcome,
        ending.status,
        _reply(turn, ending, isinstance(outcome, Skipped)),
        records,
        turn.events,
        document,
        turn.swarm.session_ttl_ms,
        kind == "dispose" and turn.in_session,
        turn.in_session,
        True,  # noqa: FBT003 - sequenced
        ending.dead_reason,
        ending.message,
    )


def finish_unstarted(turn: OpenTurn, outcome: Outcome) -> Finished:
    """End a request that never became a turn: the session stays as it was, and is not opened."""
    ending = ending_of(outcome)
    return Finished(
        outcome,
        ending.status,
        _unstarted_reply(turn, ending),
        [],
        turn.events,
        None,
        turn.swarm.session_ttl_ms,
        False,  # noqa: FBT003 - dispose
        turn.session.turn > 0 or turn.beside is not None,
        False,  # noqa: FBT003 - sequenced
        ending.dead_reason,
        ending.message,
    )


def ending_of(outcome: Outcome) -> Ending:
    """Return status, output and error of the terminal reply for an outcome."""
    match outcome:
        case Replied(output):
            return Ending("completed", output)
        case Skipped():
            return Ending("completed", "")
        case Refused(policy_name, ban_message):
            message = f"policy {policy_name!r} refused"
            error = f'{{"code":"policy_refused","message":{quote(message)},"policyName":"{policy_name}"}}'
            return Ending("refused", ban_message, error)
        case Cancelled():
            return Ending("cancelled", "")
        case Expired():
            return Ending("expired", "")
        case Failed(code, message, output, dead_reason):
            error = f'{{"code":"{code}","message":{quote(message)}}}'
            return Ending("failed", output, error, dead_reason or None, message)
        case _:
            assert_never(outcome)


def _reply(turn: OpenTurn, ending: Ending, skipped: bool) -> str:  # noqa: FBT001 - one flag of the protocol
    agent = f'"{active_agent(turn).name}"' if turn.in_session else "null"
    last = ',"skipped":true}' if skipped else "}"
    return f'{_reply_head(turn, ending)},"agentName":{agent},"turn":{turn.number},{_reply_tail(turn, ending)}{last}'


def _unstarted_reply(turn: OpenTurn, ending: Ending) -> str:
    return f'{_reply_head(turn, ending)},"seq":null,"agentName":null,"turn":null,{_reply_tail(turn, ending)}}}'


def _reply_head(turn: OpenTurn, ending: Ending) -> str:
    session = turn.session
    return (
        f'{{"v":1,"type":"reply","requestId":"{turn.request.request_id}","clientId":{quote(session.client_id)},'
        f'"swarmName":"{session.swarm_name}","status":"{ending.status}","output":{quote(ending.output)}'
    )


def _reply_tail(turn: OpenTurn, ending: Ending) -> str:
    return (
        f'"attempts":{turn.attempt},"error":{ending.error},'
        f'"acceptedAtMs":{turn.request.accepted_at_ms},"finishedAtMs":{turn.port.now_ms()}'
    )
