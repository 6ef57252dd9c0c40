"""The seam between a turn and the lane: what a turn asks for, what it collects, what it hands over for the commit."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pydantic import JsonValue

from worker.core.request import AdmittedRequest
from worker.core.session import Session, Snapshot
from worker.definitions.swarm import Swarm

if TYPE_CHECKING:
    from schemas.requests import Body


class TurnPort(Protocol):
    """What the lane does for a running turn."""

    async def flush(self, turn: "OpenTurn") -> None:
        """Send pending emits, events and journal fields now, fenced; return when confirmed; raise `Fenced`."""
        ...

    async def permit(self, turn: "OpenTurn") -> None:
        """Wait until the lease is fresh and all earlier commits of the session are confirmed.

        Called before every tool, step and model call but the first completion of a turn (see `fresh`).
        """
        ...

    async def fresh(self) -> None:
        """Wait until the lease is fresh; does not suspend in the normal case."""
        ...

    def now_ms(self) -> int:
        """Return an estimate of Redis' clock in Unix ms."""
        ...

    def publish_delta(self, turn: "OpenTurn", text: str) -> None:
        """Send one piece of streamed text on the client channel, best effort."""
        ...

    def note(self, name: str) -> None:
        """Count something that the turn survived, for example `callback_error`."""
        ...


@dataclass(slots=True)
class OpenTurn:
    """One request on its way through its session; made by `open_turn`, read by the lane while it runs.

    The lane may read everything at any time and writes only: `events_flushed` and `emits_flushed` (how many it has
    sent already), `journal` (cleared once sent), `replay` (before the start), `cancelled_by` and `substituted`
    (before it cancels the task of the turn).
    """

    port: TurnPort
    swarm: Swarm
    session: Session
    request: AdmittedRequest
    number: int
    attempt: int
    before: Snapshot
    #: what an interrupted attempt left behind: journal fields without the request id, `step/<n>` and `emit/<n>`
    replay: dict[str, str]
    #: new history records, JSON
    records: list[str] = field(default_factory=list[str])
    #: all bus events in order, JSON
    events: list[str] = field(default_factory=list[str])
    events_flushed: int = 0
    #: items for the client channel, JSON objects without `seq`: the script adds it before the last brace
    emits: list[str] = field(default_factory=list[str])
    emits_flushed: int = 0
    #: journal fields (without the request id) that no flush has sent yet
    journal: dict[str, str] = field(default_factory=dict[str, str])
    #: (policy name, True = ban, False = lift) in order
    ban_changes: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    #: why the lane cancels this turn: `cancel-output`, `emit`, `interrupt`, `rollback`, `dispose`; "" = it does not
    cancelled_by: str = ""
    #: text of an emit that takes the place of the answer
    substituted: str | None = None
    body: "Body | None" = None
    payload: JsonValue = None


class Finished(NamedTuple):
    """How a turn ended: everything that its commit writes.

    `reply` is compact JSON without `seq`: the script splices `,"seq":N` before the last brace, unless `sequenced` is
    false (a request that never reached a turn has `"seq":null` in it already). `document` is None when it did not
    change since the last commit. `opens` is false for kinds that leave no session where there was none.
    `dead_reason` asks for a dead letter with the text `error`.
    """

    status: str
    reply: str
    records: list[str]
    events: list[str]
    document: str | None
    session_ttl_ms: int
    dispose: bool
    opens: bool
    sequenced: bool
    dead_reason: str | None
    error: str
