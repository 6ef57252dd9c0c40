"""What users hang into a turn may fail: it is logged and counted, and the turn goes on."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Concatenate, ParamSpec, TypeVar, cast

import structlog

from worker.core.outcome import Failed
from worker.definitions.turn import Turn
from worker.errors import SwarmlineError
from worker.turn.journal import write
from worker.turn.port import OpenTurn

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log: structlog.stdlib.BoundLogger = structlog.get_logger("swarmline.turn")


async def settled(value: _T | Awaitable[_T]) -> _T:
    """Return what a sync or async function of a user gave; awaits only what has to be awaited."""
    return await cast("Awaitable[_T]", value) if isawaitable(value) else cast("_T", value)


async def awaited(turn: OpenTurn, value: _T | Awaitable[_T]) -> _T:
    """Return what a hook of a user gave; before a wait, which may be long, finished steps are put on record."""
    if not isawaitable(value):
        return cast("_T", value)
    if turn.progress.unwritten:
        # A worker that dies while a slow policy looks at an answer must not make the next one pay for the answer again.
        await write(turn)
    return await cast("Awaitable[_T]", value)


async def tell(
    turn: OpenTurn,
    agent_name: str,
    callback: Callable[Concatenate[Turn, _P], Awaitable[None] | None],
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> None:
    """Call a callback; what it raises harms nobody."""
    try:
        done = callback(turn.rooms.face(turn, agent_name), *args, **kwargs)
        if done is not None:
            await awaited(turn, done)
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - a callback is told, it has no say
        survive(turn, "callback_error", error)


async def tell_opened(turn: OpenTurn) -> None:
    """Tell swarm, agents and states that want to know of it that a session was opened."""
    if turn.swarm.callbacks.on_init is not None:
        await tell(turn, turn.session.active_agent, turn.swarm.callbacks.on_init)
    for agent in turn.swarm.agents:
        if agent.callbacks.on_init is not None:
            await tell(turn, agent.name, agent.callbacks.on_init)
    for state in turn.swarm.own_states:
        if state.callbacks.on_init is not None:
            await tell(turn, turn.session.active_agent, state.callbacks.on_init, state.name)


async def hooked(
    turn: OpenTurn, what: str, fallback: _T, hook: Callable[_P, _T | Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """Return what a hook makes; when it raises, or gives no text in place of one, note the fault, return `fallback`."""
    try:
        made = await awaited(turn, hook(*args, **kwargs))
    except SwarmlineError:
        raise
    except Exception as error:  # noqa: BLE001 - the flow goes on with the fallback, the turn ends as failed
        blame(turn, f"{what} raised {type(error).__name__}", error)
        return fallback
    if isinstance(fallback, str) and not isinstance(made, str):
        blame(turn, f"{what} gave {type(made).__name__}, not text")
        return fallback
    return made


def blame(turn: OpenTurn, message: str, error: BaseException | None = None) -> None:
    """Note what makes this turn fail; the first fault counts. `message` holds no contents of messages."""
    survive(turn, "agent_error", error, message)
    if turn.progress.fault is None:
        dead_reason = "agent_error" if turn.swarm.bury_agent_errors else ""
        turn.progress.fault = Failed("agent_error", message, "", dead_reason)


def survive(turn: OpenTurn, name: str, error: BaseException | None, message: str = "") -> None:
    """Log and count what a turn survived."""
    turn.port.note(name)
    _log.warning(
        name,
        client_id=turn.session.client_id,
        swarm_name=turn.swarm.name,
        request_id=turn.request.request_id,
        reason=message or type(error).__name__,
        exc_info=error,
    )
