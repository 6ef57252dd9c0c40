"""Bus events of a turn: each in the shape and at the moment that the spec's section 12 gives it.

A swarm with `bus="session"` publishes only what concerns the session as a whole. The JSON of all other events is not
even built then.
"""

from collections.abc import Mapping

from worker.core.history import message_json
from worker.core.json_text import dumps
from worker.core.messages import Message
from worker.turn.port import OpenTurn

_NOTHING: Mapping[str, object] = {}
_BEGUN = '"type":"commit-execution-begin","source":"execution-bus","input":{},"output":{}'


def execution_begin(turn: OpenTurn, agent_name: str = "") -> None:
    """Publish that an execution starts; with the agent when the server itself asked for it."""
    turn.execution_context = context = _execution_context(turn, agent_name)
    _publish(turn, _BEGUN, context)


def execution_end(turn: OpenTurn, status: str) -> None:
    """Publish the end of the execution that began."""
    _publish(turn, _ended(status), turn.execution_context)


def nested_begin(turn: OpenTurn, agent_name: str) -> None:
    """Publish that a tool starts an execution within the turn."""
    _publish(turn, _BEGUN, _execution_context(turn, agent_name))


def nested_end(turn: OpenTurn, agent_name: str, status: str) -> None:
    """Publish the end of an execution within the turn."""
    _publish(turn, _ended(status), _execution_context(turn, agent_name))


def executed(turn: OpenTurn, message_json: str, mode: str, result: str) -> None:
    """Publish the answer to a message."""
    what = (
        f'"type":"execute","source":"session-bus","input":{{"message":{message_json},"mode":"{mode}"}},'
        f'"output":{{"result":{turn.progress.json_of(result)}}}'
    )
    _publish(turn, what, turn.swarm.context)


def session_event(
    turn: OpenTurn, kind: str, given: Mapping[str, object] = _NOTHING, made: Mapping[str, object] = _NOTHING
) -> None:
    """Publish something that was done to the session."""
    _publish(turn, _what(kind, "session-bus", given, made), turn.swarm.context)


def operator_asked(turn: OpenTurn, agent_name: str, message: str, question: str | None) -> None:
    """Publish what the human behind an agent is asked, or told if `question` is None."""
    what = _what("ask-operator", "session-bus", {"message": message, "questionId": question})
    _publish(turn, what, _execution_context(turn, agent_name))


def swarm_event(
    turn: OpenTurn, kind: str, given: Mapping[str, object] = _NOTHING, made: Mapping[str, object] = _NOTHING
) -> None:
    """Publish something that was done to the swarm of the session."""
    if turn.all_events:
        _publish(turn, _what(kind, "swarm-bus", given, made), turn.swarm.context)


def agent_event(
    turn: OpenTurn,
    agent_name: str,
    kind: str,
    given: Mapping[str, object] = _NOTHING,
    made: Mapping[str, object] = _NOTHING,
) -> None:
    """Publish something that was done to an agent of the session."""
    if turn.all_events:
        _publish(turn, _what(kind, "agent-bus", given, made), f'{{"agentName":"{agent_name}"}}')


def agent_resolved(turn: OpenTurn, agent_name: str) -> None:
    """Publish that the active agent was looked up in order to use it."""
    if turn.all_events:
        swarm_event(turn, "get-agent-name", made={"activeAgent": turn.session.active_agent})
        swarm_event(turn, "get-agent", made={"agentName": agent_name})


def agent_named(turn: OpenTurn) -> None:
    """Publish that the name of the active agent was looked up."""
    if turn.all_events:
        swarm_event(turn, "get-agent-name", made={"activeAgent": turn.session.active_agent})


def output_awaited(turn: OpenTurn, result: str) -> None:
    """Publish that the output of the swarm is known."""
    if turn.all_events:
        agent_named(turn)
        swarm_event(turn, "wait-for-output", made={"result": result})


def output_emitted(turn: OpenTurn, agent_name: str, mode: str, raw: str, result: str) -> None:
    """Publish the output of an agent: `raw` as its model gave it, `result` as the client reads it."""
    if turn.all_events:
        agent_event(turn, agent_name, "emit-output", {"mode": mode, "rawResult": raw}, {"result": result})


def pushed(turn: OpenTurn, message: Message) -> None:
    """Publish a new history record."""
    if turn.all_events:
        what = f'"type":"push","source":"history-bus","input":{{"message":{message_json(message)}}},"output":{{}}'
        _publish(turn, what, f'{{"agentName":"{message.agent_name}"}}')


def policy_event(turn: OpenTurn, policy_name: str, kind: str, given: Mapping[str, object] = _NOTHING) -> None:
    """Publish a check of a policy, a ban or the end of a ban."""
    context = f'{{"policyName":"{policy_name}","swarmName":"{turn.swarm.name}"}}'
    _publish(turn, _what(kind, "policy-bus", given), context)


def state_event(turn: OpenTurn, state_name: str, kind: str, value: object) -> None:
    """Publish that a state was read or changed."""
    if turn.all_events:
        _publish(turn, _what(kind, "state-bus", made={"state": value}), f'{{"stateName":"{state_name}"}}')


def custom_event(turn: OpenTurn, topic: str, payload: object) -> None:
    """Publish an event of the application."""
    turn.events.append(f'{{"source":"{topic}","payload":{dumps(payload)},{turn.event_tail}{turn.port.now_ms()}}}')


def _execution_context(turn: OpenTurn, agent_name: str) -> str:
    return f'{turn.swarm.context[:-1]},"agentName":"{agent_name}"}}' if agent_name else turn.swarm.context


def _ended(status: str) -> str:
    return f'"type":"commit-execution-end","source":"execution-bus","input":{{}},"output":{{"status":"{status}"}}'


def _what(kind: str, source: str, given: Mapping[str, object] = _NOTHING, made: Mapping[str, object] = _NOTHING) -> str:
    """Return the first half of an event: what happened."""
    return f'"type":"{kind}","source":"{source}","input":{dumps(given)},"output":{dumps(made)}'


def _publish(turn: OpenTurn, what: str, context: str) -> None:
    turn.events.append(f'{{{what},"context":{context},{turn.event_tail}{turn.port.now_ms()}}}')
