"""The end of a turn: its outcome in the words of the protocol, and all that its commit writes."""

from schemas.requests import CONTROL_LANE
from worker.core.history import left_out
from worker.core.json_text import quote
from worker.core.outcome import Expired, Failed, Outcome, Skipped
from worker.core.request import AdmittedRequest
from worker.turn import events
from worker.turn.navigation import active_agent
from worker.turn.over import close
from worker.turn.port import EndedTogether, Finished, OpenTurn


def finish(turn: OpenTurn, outcome: Outcome) -> Finished:
    """End a turn that was begun: its records join the session in memory, its number is used up."""
    session, request = turn.session, turn.request
    if turn.execution_context:
        events.execution_end(turn, outcome.status)
    if turn.cancelled_by == "rollback":
        session.restore(turn.before)
        turn.records = []
    if turn.records and session.older is not None:
        _keep_older(turn)
    # What is in memory beside a control request may belong to the running turn, whose own commit is yet to come.
    wakes = turn.parked is not None and turn.parked.is_resolved
    is_control = request.kind in CONTROL_LANE
    has_changed = wakes if is_control else session.differs_from(turn.before)
    reply = _reply(turn, request, outcome)
    if not is_control:
        _settle(turn)
    dead_reason, error = _burial_of(outcome)
    finished = Finished(
        outcome,
        outcome.status,
        reply,
        turn.records,
        turn.events,
        session.document() if has_changed else None,
        turn.swarm.session_ttl_ms,
        request.kind == "dispose" and turn.in_session,
        turn.opens,
        True,  # noqa: FBT003 - sequenced
        dead_reason,
        error,
        [_end_of(turn, one.request, one.outcome or outcome) for one in turn.together] if turn.together else (),
        wakes,
    )
    close(turn)
    return finished


def _keep_older(turn: OpenTurn) -> None:
    """Keep what a model may see and the window of the next turn lacks, which it does only after turns like this one."""
    session, swarm, before = turn.session, turn.swarm, turn.before[5]
    records = [*(session.older or ()), *session.window(), *turn.records]
    window = min(swarm.history_window, swarm.history_max)
    older = left_out(records[-swarm.history_max :], window, swarm.keeps) or None
    session.older = before if older == before else older


def _end_of(turn: OpenTurn, request: AdmittedRequest, outcome: Outcome) -> EndedTogether:
    """Return the end of one of the requests that this turn answered together."""
    if isinstance(outcome, Expired):
        return EndedTogether(request, outcome.status, _unstarted_reply(turn, request, outcome), sequenced=False)
    return EndedTogether(request, outcome.status, _reply(turn, request, outcome), sequenced=True)


def finish_unstarted(turn: OpenTurn, outcome: Outcome) -> Finished:
    """End a request that never became a turn: the session stays as it was, and is not opened."""
    dead_reason, error = _burial_of(outcome)
    return Finished(
        outcome,
        outcome.status,
        _unstarted_reply(turn, turn.request, outcome),
        [],
        turn.events,
        None,
        turn.swarm.session_ttl_ms,
        False,  # noqa: FBT003 - dispose
        turn.session.turn > 0 or (turn.beside is not None and turn.beside.opens),
        False,  # noqa: FBT003 - sequenced
        dead_reason,
        error,
    )


def _burial_of(outcome: Outcome) -> tuple[str | None, str]:
    """Return why an outcome asks for a dead letter, None when it does not, and the text of its error."""
    return (outcome.dead_reason or None, outcome.message) if isinstance(outcome, Failed) else (None, "")


def _settle(turn: OpenTurn) -> None:
    """Let the session in memory have what the commit will write, for the turn that follows at once."""
    # A step that waits to be journaled holds the question to the model, which holds the turn: without this ring most
    # turns are freed at once, and the garbage collector has next to nothing to do.
    turn.progress.unwritten.clear()
    session, records = turn.session, turn.records
    if turn.opens:
        # What opens no session, such as a one-shot completion, must not let the next request find one.
        session.turn = turn.number
    if records:
        session.remember(records, turn.swarm.history_window)


def _reply(turn: OpenTurn, request: AdmittedRequest, outcome: Outcome) -> str:
    speaker = turn.progress.spoken_by
    if speaker is None and turn.in_session:
        speaker = active_agent(turn).name
    agent = "null" if speaker is None else f'"{speaker}"'
    skipped = ',"skipped":true' if isinstance(outcome, Skipped) else ""
    return (
        f'{{"v":1,"type":"reply","requestId":"{request.request_id}","clientId":{turn.client_json},'
        f'"swarmName":"{turn.swarm.name}","status":"{outcome.status}",'
        f'"output":{turn.progress.json_of(outcome.output)},"agentName":{agent},'
        f'"turn":{turn.number or "null"},"attempts":{turn.attempt - turn.tries.handbacks},"error":{outcome.error},'
        f'"acceptedAtMs":{request.accepted_at_ms},"finishedAtMs":{_finished_at_ms(turn, request)}{skipped}}}'
    )


def _unstarted_reply(turn: OpenTurn, request: AdmittedRequest, outcome: Outcome) -> str:
    return (
        f'{{"v":1,"type":"reply","requestId":"{request.request_id}","clientId":{turn.client_json},'
        f'"swarmName":"{turn.swarm.name}","status":"{outcome.status}","output":{quote(outcome.output)},"seq":null,"agentName":null,'
        f'"turn":null,"attempts":{turn.attempt - turn.tries.handbacks},"error":{outcome.error},'
        f'"acceptedAtMs":{request.accepted_at_ms},"finishedAtMs":{_finished_at_ms(turn, request)}}}'
    )


def _finished_at_ms(turn: OpenTurn, request: AdmittedRequest) -> int:
    # A worker knows Redis' clock to within the delay of an answer: what was just accepted would end before it began.
    return max(turn.port.now_ms(), request.accepted_at_ms)
