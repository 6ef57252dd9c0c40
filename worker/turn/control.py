"""What must not wait behind the running turn: emit, notify, cancel-output and bans.

A control request changes the turn beside it by marking it (`cancelled_by`, `substituted`); the lane then cancels the
task of that turn and ends it with `finish_interrupted`.
"""

from schemas.requests import BanBody, CancelOutputBody, EmitBody, NotifyBody, UnbanBody
from worker.core.json_text import quote
from worker.core.outcome import Failed, Outcome, Refused, Replied
from worker.definitions.policy import Policy
from worker.turn import events, policies
from worker.turn.check_output import check_output
from worker.turn.guard import tell
from worker.turn.journal import write
from worker.turn.navigation import active_agent
from worker.turn.operator import end_parked
from worker.turn.port import OpenTurn
from worker.turn.sizes import check_size


async def emit(turn: OpenTurn, body: EmitBody) -> Outcome:
    """Send text to the client; it becomes the answer of the running turn."""
    asked = check_output(turn, body.message)
    refused = None if asked is None else await asked
    text = body.message if refused is None else refused.output
    agent_name = active_agent(turn).name
    if refused is None and turn.swarm.callbacks.on_emit is not None:
        await tell(turn, agent_name, turn.swarm.callbacks.on_emit, text)
    send(turn, "emit", text)
    if turn.in_session:
        events.session_event(turn, "emit", {"message": text})
    if turn.beside is None:
        end_parked(turn, "emit", text)
    elif not turn.beside.cancelled_by:
        turn.beside.substituted, turn.beside.cancelled_by = text, "emit"
    return refused or Replied("")


async def notify(turn: OpenTurn, body: NotifyBody) -> Outcome:
    """Send text to the client beside the conversation."""
    asked = check_output(turn, body.message)
    refused = None if asked is None else await asked
    send(turn, "notify", body.message if refused is None else refused.output)
    return refused or Replied("")


async def cancel_output(turn: OpenTurn, _body: CancelOutputBody) -> Outcome:
    """End the running turn as cancelled."""
    if turn.in_session:
        publish_cancel(turn)
    if turn.beside is None:
        end_parked(turn, "cancel-output")
    elif not turn.beside.cancelled_by:
        turn.beside.cancelled_by = "cancel-output"
    return Replied("")


async def ban(turn: OpenTurn, body: BanBody) -> Outcome:
    """Ban the client from the swarm, by a policy of the swarm."""
    policy = _policy(turn, body.policy_name)
    if policy is None:
        return _unknown_policy(turn, body.policy_name)
    await policies.ban(turn, policy)
    return Replied("")


async def unban(turn: OpenTurn, body: UnbanBody) -> Outcome:
    """Lift a ban; one of a policy that the swarm no longer has can still be lifted."""
    policy = _policy(turn, body.policy_name)
    if policy is not None:
        await policies.unban(turn, policy)
    elif body.policy_name in turn.session.banned:
        turn.session.banned.discard(body.policy_name)
        turn.ban_changes.append((body.policy_name, False))
    else:
        return _unknown_policy(turn, body.policy_name)
    return Replied("")


async def say_to_client(turn: OpenTurn, kind: str, text: str) -> Refused | None:
    """Send an emit or notify from inside a turn; return the refusal if the client gets a ban message instead.

    One that an interrupted attempt of the turn has sent already is not sent again. Raises `Fenced`,
    `TextTooLargeError`, and `TypeError` for what is no text.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a tool calls it
        raise TypeError(f"{kind} takes text, not {type(text).__name__}")
    check_size(turn, text)
    asked = check_output(turn, text)
    refused = None if asked is None else await asked
    said = text if refused is None else refused.output
    turn.progress.emitted += 1
    sent = f"emit/{turn.progress.emitted}"
    on_emit = turn.swarm.callbacks.on_emit
    if kind == "emit" and refused is None and on_emit is not None:
        await tell(turn, active_agent(turn).name, on_emit, said)
    if sent not in turn.replay:
        await turn.port.permit(turn)
        send(turn, kind, said)
        turn.port.spoke()
        turn.journal[sent] = "1"
        await write(turn)
    if kind == "emit":
        events.session_event(turn, "emit", {"message": said})
        if turn.progress.batch is not None:
            turn.progress.batch.emitted = said
    return refused


def send(turn: OpenTurn, kind: str, text: str) -> None:
    """Put an item for the client channel and the outbox into the turn."""
    agent = f'"{active_agent(turn).name}"' if turn.in_session else "null"
    turn.emits.append(
        f'{{"v":1,"type":"{kind}","data":{quote(text)},"agentName":{agent},"clientId":{turn.client_json},'
        f'"swarmName":"{turn.swarm.name}","requestId":"{turn.request.request_id}"}}'
    )


def publish_cancel(turn: OpenTurn) -> None:
    """Publish that the output of the swarm is cancelled."""
    events.agent_named(turn)
    for agent in turn.swarm.agents:
        events.agent_event(turn, agent.name, "commit-cancel-output")
    events.swarm_event(turn, "cancel-output")


def _policy(turn: OpenTurn, name: str) -> Policy | None:
    return next((policy for policy in turn.swarm.policies if policy.name == name), None)


def _unknown_policy(turn: OpenTurn, name: str) -> Failed:
    known = ", ".join(policy.name for policy in turn.swarm.policies) or "it has none"
    message = f"swarm {turn.swarm.name!r} has no policy {name!r}: use one of its policies ({known})"
    return Failed("bad_request", message, "", "bad_request")
