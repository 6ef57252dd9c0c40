"""The state of one session in the memory of its holder, from claim to release."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import is_not
from typing import Self, cast

from pydantic import JsonValue, TypeAdapter
from pydantic_core import from_json

from worker.core.json_text import dumps

_DOCUMENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


#: what a turn may change: active agent, stack, states, memory, system, older, resolved; compared by identity: nothing
#: changes in place
Snapshot = tuple[
    str,
    list[str],
    dict[str, JsonValue],
    dict[str, JsonValue],
    list[str],
    list[str] | None,
    Mapping[str, Mapping[str, str]],
]


class Session:
    """One session; lists and dicts of the document are replaced, never changed in place, so a snapshot costs nothing.

    `turn` counts the turns done so far (0 = fresh). `history` is the window of newest records, oldest first, each as
    `core.history` writes it, `history_size` their length together. `system` holds the system records since the last
    cut: a model is shown them however old they are. `older` holds what else a model may see although the window
    begins later: records that are not for all models, such as system records, must not push it out (None = there is
    none; `[]` only while a turn adds such records). `banned` names the policies that ban this client.
    """

    __slots__ = (
        "active_agent",
        "banned",
        "client_id",
        "default_agent",
        "history",
        "history_size",
        "memory",
        "older",
        "resolved",
        "stack",
        "states",
        "swarm_name",
        "system",
        "turn",
    )

    def __init__(self, *, client_id: str, swarm_name: str, default_agent: str) -> None:
        """Open a fresh session."""
        self.client_id = client_id
        self.swarm_name = swarm_name
        self.default_agent = default_agent
        self.turn = 0
        self.active_agent = default_agent
        self.stack: list[str] = []
        self.states: dict[str, JsonValue] = {}
        self.memory: dict[str, JsonValue] = {}
        self.system: list[str] = []
        self.older: list[str] | None = None
        #: question of a parked turn -> what it is to go on with
        self.resolved: Mapping[str, Mapping[str, str]] = {}
        self.history: list[bytes | str] = []
        self.history_size = 0
        self.banned: set[str] = set()

    @classmethod
    def load(  # noqa: PLR0913 - the fields of one claim, named at every call
        cls,
        *,
        client_id: str,
        swarm_name: str,
        default_agent: str,
        turn: int,
        document: bytes,
        history: Sequence[bytes],
        banned: AbstractSet[str],
    ) -> Self:
        """Build the session that a claim returned; an empty document means that everything is default."""
        session = cls(client_id=client_id, swarm_name=swarm_name, default_agent=default_agent)
        session.turn = turn
        session.history = [*history]
        session.history_size = sum(map(len, history))
        session.banned = {*banned}
        if document:
            session.read(document)
        return session

    def remember(self, records: Sequence[str], window: int) -> None:
        """Add new records to the history, and keep the newest `window` of all in memory."""
        history = [*self.history, *records]
        self.history_size += sum(map(len, records))
        surplus = len(history) - window
        if surplus > 0:
            self.history_size -= sum(map(len, history[:surplus]))
            del history[:surplus]
        self.history = history

    def shown_history(self, new: Sequence[str]) -> list[bytes | str]:
        """Return the window, and before it what else a model may see: system records that are not `new`, older ones."""
        if not self.system and not self.older:
            return self.history
        window = {*self.window(), *new}
        return [*(record for record in self.system if record not in window), *(self.older or ()), *self.history]

    def window(self) -> list[str]:
        """Return the newest records as text."""
        return [record if isinstance(record, str) else record.decode() for record in self.history]

    def document(self) -> str:
        """Return what a commit stores: compact JSON of all that differs from the default, `""` when nothing does."""
        parts: dict[str, object] = {}
        if self.active_agent != self.default_agent:
            parts["activeAgent"] = self.active_agent
        if self.stack:
            parts["stack"] = self.stack
        if self.states:
            parts["states"] = self.states
        if self.memory:
            parts["memory"] = self.memory
        if self.system:
            parts["system"] = self.system
        if self.older is not None:
            parts["older"] = self.older
        if self.resolved:
            parts["resolved"] = self.resolved
        return dumps(parts) if parts else ""

    def snapshot(self) -> Snapshot:
        """Return what a rollback needs; costs no copy."""
        return self.active_agent, self.stack, self.states, self.memory, self.system, self.older, self.resolved

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot."""
        self.active_agent, self.stack, self.states, self.memory, self.system, self.older, self.resolved = snapshot

    def differs_from(self, snapshot: Snapshot) -> bool:
        """Tell whether anything was replaced since the snapshot was taken; nothing changes in place."""
        return any(map(is_not, self.snapshot(), snapshot))

    def read(self, document: bytes | str) -> None:
        """Take over a document that `document` wrote; what it leaves out is default."""
        self.restore((self.default_agent, [], {}, {}, [], None, {}))
        if not document:
            return
        parts = _DOCUMENT.validate_python(from_json(document))
        active_agent, stack, system = parts.get("activeAgent"), parts.get("stack"), parts.get("system")
        states, memory, resolved = parts.get("states"), parts.get("memory"), parts.get("resolved")
        older = parts.get("older")
        if isinstance(active_agent, str):
            self.active_agent = active_agent
        self.stack, self.system = _texts(stack), _texts(system)
        self.older = None if older is None else _texts(older)
        if isinstance(states, dict):
            self.states = states
        if isinstance(memory, dict):
            self.memory = memory
        if isinstance(resolved, dict):
            self.resolved = cast("Mapping[str, Mapping[str, str]]", resolved)


def _texts(value: JsonValue) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
