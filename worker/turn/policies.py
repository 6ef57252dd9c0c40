"""Policies over one text: asked in order, the first that refuses speaks; a validator that raises refuses."""

from collections.abc import Awaitable, Iterator
from typing import cast

from worker.core.outcome import Refused
from worker.definitions.policy import Check, Policy
from worker.definitions.session_info import SessionInfo
from worker.errors import SwarmlineError
from worker.turn import events
from worker.turn.guard import awaited, survive, tell
from worker.turn.navigation import active_agent, session_info
from worker.turn.port import OpenTurn


def first_refusal(turn: OpenTurn, checks: Iterator[Check], text: str) -> Awaitable[Refused | None] | None:
    """Return None when all policies let the text pass at once, else what finds out who refuses it, if anybody does."""
    for check in checks:
        if check.callback is not None or turn.all_events or turn.trace is not None:
            return _watched(turn, check, checks, text)
        verdict = _verdict(turn, check, text)
        if verdict is not True:
            return _decided(turn, check, checks, text, verdict)
    return None


async def _watched(turn: OpenTurn, check: Check, others: Iterator[Check], text: str) -> Refused | None:
    """Go on with a check that somebody else wants to know of."""
    policy, side = check.policy, check.side
    if check.callback is not None:
        await tell(turn, active_agent(turn).name, check.callback, text, policy.name)
    if turn.all_events:
        events.policy_event(turn, policy.name, side.event, {side.key: text})
    if turn.trace is None or check.validator is None:
        return await _decided(turn, check, others, text, _verdict(turn, check, text))
    answered = turn.trace.checking(policy.name, side.key, _answered(turn, check, text))
    return await _decided(turn, check, others, text, answered)


async def _decided(
    turn: OpenTurn,
    check: Check,
    others: Iterator[Check],
    text: str,
    verdict: bool | Awaitable[bool | None] | None,  # noqa: FBT001 - a validator may give either
) -> Refused | None:
    """Return the refusal of a policy that gave this verdict; if it lets the text pass, go on with the others."""
    if verdict is not None and not isinstance(verdict, bool):
        verdict = await _settled(turn, check.policy, verdict)
    if not verdict:
        return await _refused(turn, check, text, was_asked=verdict is False)
    asked = first_refusal(turn, others, text)
    return None if asked is None else await asked


async def _answered(turn: OpenTurn, check: Check, text: str) -> bool | None:
    verdict = _verdict(turn, check, text)
    return verdict if verdict is None or isinstance(verdict, bool) else await _settled(turn, check.policy, verdict)


def _verdict(turn: OpenTurn, check: Check, text: str) -> bool | Awaitable[bool | None] | None:
    """Return whether a policy lets the text pass, None when it raises or gives no verdict."""
    if check.policy.name in turn.session.banned:
        return False
    if check.validator is None:
        return True
    try:
        return check.validator(text, session_info(turn))
    except Exception as error:  # noqa: BLE001 - a rule that can't be asked counts as a no
        return _unasked(turn, check.policy, error)


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


async def _refused(turn: OpenTurn, check: Check, text: str, *, was_asked: bool) -> Refused:
    policy, side = check.policy, check.side
    if not turn.all_events:
        # Whoever watches only the session still learns which policy said no; with all events it was told above.
        events.policy_event(turn, policy.name, side.event, {side.key: text})
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
