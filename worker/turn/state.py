"""States as tools use them: updates in the order in which they were asked for, values as JSON (spec, section 9)."""

from asyncio import Lock, Task, current_task

from pydantic import JsonValue

from worker.core.json_text import json_copy
from worker.definitions.callbacks import OnState
from worker.definitions.states import State
from worker.definitions.turn import StateUpdate
from worker.turn import events
from worker.turn.guard import settled, tell
from worker.turn.navigation import active_agent
from worker.turn.over import still_open
from worker.turn.port import OpenTurn


class OrderedState:
    """One named state in the hands of one turn; where the value is kept is up to the subclass."""

    def __init__(self, turn: OpenTurn, declared: State) -> None:
        self._turn = turn
        self._declared = declared
        self._order = Lock()
        self._updating: Task[object] | None = None
        self._is_loaded = False

    async def get(self) -> JsonValue:
        """Return a copy of the value; waits for updates under way, except when called by one of them."""
        if self._updating is not None and self._updating is current_task():
            return await self._value()
        await self._load()
        async with self._order:
            value = await self._value()
        events.state_event(self._turn, self._declared.name, "get-state", value)
        await self._tell(self._declared.callbacks.on_read, value)
        return value

    async def set(self, update: StateUpdate) -> JsonValue:
        """Apply `update`, then the middlewares; return the new value. Raises `TypeError` for what is not JSON."""

        async def changed(value: JsonValue) -> JsonValue:
            made = await settled(update(value))
            for middleware in self._declared.middlewares:
                made = await settled(middleware(made))
            return made

        return await self._change("set-state", changed)

    async def clear(self) -> JsonValue:
        """Go back to the default, past the middlewares; return it."""
        return await self._change("clear-state", lambda _: self._declared.default)

    async def _change(self, kind: str, update: StateUpdate) -> JsonValue:
        await self._load()
        async with self._order:
            self._updating = current_task()
            try:
                value = await self._updated(update)
            finally:
                self._updating = None
            events.state_event(self._turn, self._declared.name, kind, value)
        await self._tell(self._declared.callbacks.on_write, value)
        return json_copy(value)

    async def _load(self) -> None:
        is_loaded, self._is_loaded = self._is_loaded, True
        if not is_loaded and self._declared.callbacks.on_load is not None:
            await self._tell(self._declared.callbacks.on_load, await self._value())

    async def _tell(self, callback: OnState | None, value: JsonValue) -> None:
        if callback is not None:
            await tell(self._turn, active_agent(self._turn).name, callback, self._declared.name, json_copy(value))

    async def _value(self) -> JsonValue:
        """Return a copy of the value as it is kept."""
        raise NotImplementedError

    async def _updated(self, update: StateUpdate) -> JsonValue:
        """Keep what `update` makes of the value; return it."""
        raise NotImplementedError


class LiveState(OrderedState):
    """A state of the session: kept in its document, committed with the turn."""

    async def _value(self) -> JsonValue:
        states = self._turn.session.states
        return json_copy(states.get(self._declared.name, self._declared.default))

    async def _updated(self, update: StateUpdate) -> JsonValue:
        kept = json_copy(await settled(update(await self._value())))
        session = still_open(self._turn).session
        session.states = {**session.states, self._declared.name: kept}
        return kept
