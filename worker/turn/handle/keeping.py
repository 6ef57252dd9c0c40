"""What a handle keeps: states, memory, and results of steps."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import ParamSpec, TypeVar, cast

from pydantic import JsonValue

from schemas.names import is_name
from worker.core.json_text import json_copy
from worker.definitions.errors import UnknownStateError
from worker.definitions.states import State
from worker.definitions.turn import StateHandle
from worker.turn.guard import settled
from worker.turn.handle.identity import Identity
from worker.turn.journal import entry_of, keep, may_start, next_step, recorded, write
from worker.turn.navigation import active_agent
from worker.turn.shared import SharedState
from worker.turn.state import LiveState

_P = ParamSpec("_P")
_R = TypeVar("_R")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def _undeclared(name: str) -> State:
    if not is_name(name):
        raise UnknownStateError(f"{name!r} is no name: use 1 to 64 characters of A-Z a-z 0-9 _ . -")
    return State(name)


def _known_by(args: tuple[object, ...], kwargs: Mapping[str, object]) -> list[str]:
    """Return what tells the arguments of a step apart: the same in every process, wherever their objects lie."""
    ordered = tuple(_in_order(value) for value in args)
    named = [(name, _in_order(value)) for name, value in sorted(kwargs.items())]
    return [_ADDRESS.sub("", repr(ordered)), _ADDRESS.sub("", repr(named))]


def _in_order(value: object) -> object:
    return sorted(value, key=repr) if isinstance(value, set | frozenset) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


class Keeping(Identity):
    """Remembers, for the session or for the next attempt of the turn."""

    __slots__ = ()

    def state(self, name: str) -> StateHandle:
        """Return a state; raises `UnknownStateError` for one that the active agent does not list."""
        turn, listed = self._turn, active_agent(self._turn).states
        if listed is not None and name not in listed:
            raise UnknownStateError(f"agent {active_agent(turn).name!r} does not list state {name!r}")
        states = turn.progress.states
        if name not in states:
            declared = turn.swarm.states_by_name.get(name) or _undeclared(name)
            states[name] = SharedState(turn, declared) if declared.shared else LiveState(turn, declared)
        return states[name]

    def memory(self) -> dict[str, JsonValue]:
        """Return a copy of the memory of the session."""
        return cast("dict[str, JsonValue]", json_copy(self._turn.session.memory))

    def remember(self, values: Mapping[str, JsonValue]) -> None:
        """Merge values into the memory of the session; raises `TypeError` for what is not JSON."""
        merged = {**self._turn.session.memory, **values}
        self._turn.session.memory = cast("dict[str, JsonValue]", json_copy(merged))

    async def step(
        self, name: str, function: Callable[_P, Awaitable[_R] | _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> _R:
        """Run `function` once and return its result as it reads back from JSON, also after a crash."""
        turn = self._turn
        # Numbered before anything is waited for: steps that are started together have the same numbers in each attempt.
        number, label, given = next_step(turn), f"step:{name}", _known_by(args, kwargs)
        await may_start(turn)
        for result in recorded(turn, number, label, given):
            return cast("_R", result)
        result = json_copy(await settled(function(*args, **kwargs)))
        entry = entry_of(label, given, result)
        keep(turn, number, lambda: entry)
        await write(turn)
        return cast("_R", result)

    def idempotency_key(self, name: str) -> str:
        """Return a key that is the same in every attempt of this turn, to pass on to systems with side effects."""
        turn = self._turn
        # The id alone does not tell calls apart: some models number them afresh in each answer.
        call = f"{self._call_step}:{self._call_id}"
        return f"{turn.swarm.name}:{turn.session.client_id}:{turn.request.request_id}:{call}:{name}"
