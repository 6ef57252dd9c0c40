"""States that sessions share: each change is made at once, and once only (spec, section 9)."""

from contextlib import nullcontext
from typing import cast

from pydantic import JsonValue
from pydantic_core import from_json

from worker.core.json_text import dumps, json_copy
from worker.core.shared import SharedChange, SharedValue
from worker.definitions.turn import StateUpdate
from worker.turn.guard import settled
from worker.turn.journal import may_start, next_step
from worker.turn.state import OrderedState


class SharedState(OrderedState):
    """A state of all sessions; what a turn changes stays changed when the turn fails or is rolled back.

    An update is computed from the value that was read, and kept if nobody was faster; else it is computed again. Its
    number tells it from the other updates of the turn: a turn that is run again gets what it made the first time.
    """

    async def _value(self) -> JsonValue:
        return self._read(await self._turn.port.shared(self._turn, self._declared.name))

    async def _updated(self, update: StateUpdate) -> JsonValue:
        turn, name = self._turn, self._declared.name
        number = next_step(turn)
        await may_start(turn)
        turn.progress.shared |= {name}
        found, line = await turn.port.shared(turn, name, number), nullcontext()
        while not found.applied:
            async with line:
                text = dumps(json_copy(await settled(update(self._read(found)))))
                found = await turn.port.shared(turn, name, number, SharedChange(found.version, text))
            # Who lost a race stands in line with the others of this worker that did: many would lose again and again.
            line = turn.port.shared_line(name)
        return self._read(found)

    def _read(self, found: SharedValue) -> JsonValue:
        return cast("JsonValue", from_json(found.text)) if found.text else json_copy(self._declared.default)
