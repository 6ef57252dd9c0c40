"""Bus events of a turn: each in the shape and at the moment that the spec's section 12 gives it.

A swarm with `bus="session"` publishes only what concerns the session as a whole. The JSON of all other events is not
even built then.
"""

from collections.abc import Mapping

from worker.core.json_text import dumps, quote
from worker.turn.port import OpenTurn

_NOTHING: Mapping[str, object] = {}


def execution_begin(turn: OpenTurn, agent_name: str = "") -> None:
    """Publish that an execution starts; with the agent when the server itself asked for it."""
    context = _execution_context(turn, agent_name)
    turn.execution_context = context
    _publish(turn, "execution-bus", "commit-execution-begin", "{}", "{}", context)


def execution_end(turn: OpenTurn, status: str) -> None:
    """Publish the end of the execution that began."""
    _publish(turn, "execution-bus", "commit-execution-end", "{}", f'{{"status":"{status}"}}', turn.execution_context)


def nested_begin(turn: OpenTurn, agent_name: str) -> None:
    """Publish that a tool starts an execution within the turn."""
    context = _execution_context(turn, agent_name)
    _publish(turn, "execution-bus", "commit-execution-begin", "{}", "{}", context)


def nested_end(turn: OpenTurn, agent_name: str, status: str) -> None:
    """Publish the end of an execution within the turn."""
    context = _execution_context(turn, agent_name)
    _publish(turn, "execution-bus", "commit-execution-end", "{}", f'{{"status":"{status}"}}', context)


def executed(turn: OpenTurn, message: str, mode: str, result: str) -> None:
    """Publish the answer to a message."""
    _publish(
        turn,
        "session-bus",
        "execute",
        f'{{"message":{quote(message)},"mode":"{mode}"}}',
        f'{{"result":{quote(result)}}}',
        f'{{"swarmName":"{turn.swarm.name}"}}',
    )


def session_event(
    turn: OpenTurn, kind: str, given: Mapping[str, object] = _NOTHING, made: Mapping[str, object] = _NOTHING
) -> None:
    """Publish something that was done to the session."""
    _publish(turn, "session-bus", kind, dumps(given), dumps(made), f'{{"swarmName":"{turn.swarm.name}"}}')


def operator_asked(turn: OpenTurn, agent_name: str, message: str, question: str | None) -> None:
    """Publish what the human behind an agent is asked, or told if `question` is None."""
    _publish(
        turn,
        "session-bus",
        "ask-operator",
        dumps({"message": message, "questionId": question}),
        "{}",
        f'{{"swarmName":"{turn.swarm.name}","agentName":"{agent_name}"}}',
    )


def swarm_event(
    turn: OpenTurn, kind: str, given: Mapping[str, object] = _NOTHING, made: Mapping[str, object] = _NOTHING
) -> None:
    """Publish something that was done to the swarm of the session."""
    if turn.all_events:
        _publish(turn, "swarm-bus", kind, dumps(given), dumps(made), f'{{"swarmName":"{turn.swarm.name}"}}')


def agent_event(
    turn: OpenTurn,
    agent_name: str,
    kind: str,
    given: Mapping[str, object] = _NOTHING,
    made: Mapping[str, object] = _NOTHING,
) -> None:
    """Publish something that was done to an agent of the session."""
    if turn.all_events:
        _publish(turn, "agent-bus", kind, dumps(given), dumps(made), f'{{"agentName":"{agent_name}"}}')


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


def pushed(turn: OpenTurn, agent_name: str, record: str) -> None:
    """Publish a new history record, given as JSON."""
    if turn.all_events:
        context = f'{{"agentName":"{agent_name}"}}'
        _publish(turn, "history-bus", "push", f'{{"message":{record}}}', "{}", context)


def policy_event(turn: OpenTurn, policy_name: str, kind: str, given: Mapping[str, object] = _NOTHING) -> None:
    """Publish a check of a policy, a ban or the end of a ban."""
    context = f'{{"policyName":"{policy_name}","swarmName":"{turn.swarm.name}"}}'
    _publish(turn, "policy-bus", kind, dumps(given), "{}", context)


def state_event(turn: OpenTurn, state_name: str, kind: str, value: object) -> None:
    """Publish that a state was read or changed."""
    if turn.all_events:
        _publish(turn, "state-bus", kind, "{}", dumps({"state": value}), f'{{"stateName":"{state_name}"}}')


def custom_event(turn: OpenTurn, topic: str, payload: object) -> None:
    """Publish an event of the application."""
    turn.events.append(f'{{"source":"{topic}","payload":{dumps(payload)},{turn.event_tail}{turn.port.now_ms()}}}')


def _execution_context(turn: OpenTurn, agent_name: str) -> str:
    swarm_name = turn.swarm.name
    return (
        f'{{"swarmName":"{swarm_name}","agentName":"{agent_name}"}}'
        if agent_name
        else f'{{"swarmName":"{swarm_name}"}}'
    )


def _publish(turn: OpenTurn, source: str, kind: str, given: str, made: str, context: str) -> None:
    turn.events.append(
        f'{{"type":"{kind}","source":"{source}","input":{given},"output":{made},"context":{context},'
        f"{turn.event_tail}{turn.port.now_ms()}}}"
    )
