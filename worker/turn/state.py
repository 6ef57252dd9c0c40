"""States of a session as tools use them: updates in order, kept as JSON, committed with the turn (spec, section 9)."""

from asyncio import Lock, Task, current_task
from typing import cast

from pydantic import JsonValue
from pydantic_core import from_json

from worker.core.json_text import dumps
from worker.definitions.turn import StateUpdate
from worker.turn import events
from worker.turn.guard import settled
from worker.turn.port import OpenTurn


class LiveState:
    """One named state in one turn; one update at a time, in the order in which they were asked for."""

    def __init__(self, turn: OpenTurn, name: str) -> None:
        self._turn = turn
        self._name = name
        self._declared = turn.swarm.states_by_name.get(name)
        self._order = Lock()
        self._updating: Task[object] | None = None

    async def get(self) -> JsonValue:
        """Return a copy of the value; waits for updates under way, except when called by one of them."""
        if self._updating is not None and self._updating is current_task():
            return self._value()
        async with self._order:
            value = self._value()
        events.state_event(self._turn, self._name, "get-state", value)
        return value

    async def set(self, update: StateUpdate) -> JsonValue:
        """Apply `update`, then the middlewares; return the new value. Raises `TypeError` for what is not JSON."""
        async with self._order:
            self._updating = current_task()
            try:
                value = await settled(update(self._value()))
                for middleware in self._declared.middlewares if self._declared is not None else ():
                    value = await settled(middleware(value))
            finally:
                self._updating = None
            return self._keep("set-state", value)

    async def clear(self) -> JsonValue:
        """Go back to the default, past the middlewares; return it."""
        async with self._order:
            return self._keep("clear-state", self._default())

    def _value(self) -> JsonValue:
        states = self._turn.session.states
        return json_copy(states[self._name]) if self._name in states else self._default()

    def _default(self) -> JsonValue:
        return json_copy(self._declared.default) if self._declared is not None else None

    def _keep(self, kind: str, value: JsonValue) -> JsonValue:
        session, kept = self._turn.session, json_copy(value)
        session.states = {**session.states, self._name: kept}
        events.state_event(self._turn, self._name, kind, kept)
        return json_copy(kept)


def json_copy(value: object) -> JsonValue:
    """Return a value as it reads back from JSON; raises `TypeError` for what JSON can't hold."""
    if value is None or isinstance(value, bool | int):
        return value
    try:
        return cast("JsonValue", from_json(dumps(value)))
    except ValueError as error:
        raise TypeError(f"{type(value).__name__} is not JSON") from error
