"""Policies over one text: asked in order, the first that refuses speaks; a validator that raises refuses."""

from collections.abc import Awaitable, Callable, Mapping
from operator import attrgetter
from typing import NamedTuple, cast

from worker.core.outcome import Refused
from worker.definitions.callbacks import OnTwoTexts
from worker.definitions.policy import Policy, Validator
from worker.definitions.session_info import SessionInfo
from worker.errors import SwarmlineError
from worker.turn import events
from worker.turn.guard import awaited, survive, tell
from worker.turn.navigation import active_agent, session_info
from worker.turn.port import OpenTurn


class Side(NamedTuple):
    """What differs between a check of what comes in and of what goes out."""

    event: str
    key: str
    validator: Callable[[Policy], Validator | None]
    callback: Callable[[Policy], OnTwoTexts | None]


INPUT = Side("validate-input", "incoming", attrgetter("validate_input"), attrgetter("callbacks.on_validate_input"))
OUTPUT = Side("validate-output", "outgoing", attrgetter("validate_output"), attrgetter("callbacks.on_validate_output"))


async def first_refusal(turn: OpenTurn, side: Side, text: str) -> Refused | None:
    """Return who refuses the text, None when all policies let it pass."""
    for policy in turn.swarm.policies:
        callback = side.callback(policy)
        if callback is not None:
            await tell(turn, active_agent(turn).name, callback, text, policy.name)
        if turn.all_events:
            events.policy_event(turn, policy.name, side.event, {side.key: text})
        validator = side.validator(policy)
        if turn.trace is None or validator is None:
            verdict = _verdict(turn, policy, validator, text)
        else:
            verdict = turn.trace.checking(policy.name, side.key, _answered(turn, policy, validator, text))
        if verdict is True:
            continue
        if verdict is not False and verdict is not None:
            verdict = await _settled(turn, policy, verdict)
        if not verdict:
            return await _refused(turn, policy, side, {side.key: text}, was_asked=verdict is False)
    return None


async def _answered(turn: OpenTurn, policy: Policy, validator: Validator | None, text: str) -> bool | None:
    verdict = _verdict(turn, policy, validator, text)
    return verdict if verdict is None or isinstance(verdict, bool) else await _settled(turn, policy, verdict)


def _verdict(
    turn: OpenTurn, policy: Policy, validator: Validator | None, text: str
) -> bool | Awaitable[bool | None] | None:
    """Return whether a policy lets the text pass, None when it raises or gives no verdict."""
    if policy.name in turn.session.banned:
        return False
    if validator is None:
        return True
    try:
        return validator(text, session_info(turn))
    except Exception as error:  # noqa: BLE001 - a rule that can't be asked counts as a no
        return _unasked(turn, policy, error)


async def _settled(turn: OpenTurn, policy: Policy, verdict: bool | Awaitable[bool | None]) -> bool | None:  # noqa: FBT001 - a validator may give either
    try:
        settled = await awaited(turn, verdict)
        return None if settled is None else bool(settled)
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return _unasked(turn, policy, error)


def _unasked(turn: OpenTurn, policy: Policy, error: Exception) -> None:
    survive(turn, "validator_error", error, f"policy {policy.name!r} raised {type(error).__name__}")


async def _refused(
    turn: OpenTurn, policy: Policy, side: Side, given: Mapping[str, object], *, was_asked: bool
) -> Refused:
    if not turn.all_events:
        # Whoever watches only the session still learns which policy said no; with all events it was told above.
        events.policy_event(turn, policy.name, side.event, given)
    # Nobody is banned for a rule that is out of order.
    if policy.auto_ban and was_asked and policy.name not in turn.session.banned:
        await ban(turn, policy)
    return Refused(policy.name, await _ban_message(turn, policy))


async def _ban_message(turn: OpenTurn, policy: Policy) -> str:
    if policy.get_ban_message is None:
        return policy.ban_message
    info: SessionInfo = session_info(turn)
    try:
        message = cast("object", await awaited(turn, policy.get_ban_message(info)))
        return message if message and isinstance(message, str) else policy.ban_message
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - the refusal stands, with the fixed words
        survive(turn, "callback_error", error, f"policy {policy.name!r}: get_ban_message")
        return policy.ban_message


async def ban(turn: OpenTurn, policy: Policy) -> None:
    """Ban the client of the session by a policy; does nothing when it is banned already."""
    if policy.name in turn.session.banned:
        return
    turn.session.banned.add(policy.name)
    turn.ban_changes.append((policy.name, True))
    if policy.callbacks.on_ban_client is not None:
        await tell(turn, active_agent(turn).name, policy.callbacks.on_ban_client, policy.name)
    events.policy_event(turn, policy.name, "ban-client")


async def unban(turn: OpenTurn, policy: Policy) -> None:
    """Lift a ban; does nothing when there is none."""
    if policy.name not in turn.session.banned:
        return
    turn.session.banned.discard(policy.name)
    turn.ban_changes.append((policy.name, False))
    if policy.callbacks.on_unban_client is not None:
        await tell(turn, active_agent(turn).name, policy.callbacks.on_unban_client, policy.name)
    events.policy_event(turn, policy.name, "unban-client")
