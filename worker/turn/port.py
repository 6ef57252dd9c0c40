"""The seam between a turn and the lane: what a turn asks for, what it collects, what it hands over for the commit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Optional, Protocol

from pydantic import JsonValue

from worker.core.outcome import Failed, Outcome
from worker.core.request import AdmittedRequest
from worker.core.session import Session, Snapshot
from worker.definitions.swarm import Swarm
from worker.definitions.turn import StateHandle, Turn


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
        """Count something that the turn survived: `callback_error`, `validator_error`, `agent_error`."""
        ...


@dataclass(slots=True)
class Batch:
    """The tool calls of one answer while they run one after another."""

    agent_name: str
    call_id: str = ""
    is_last: bool = False
    #: no further call runs: the tool stopped the batch or changed the agent
    stopped: bool = False
    #: ids of the calls whose output the tool committed itself
    committed: set[str] = field(default_factory=set[str])
    #: the newest text that a tool of the batch emitted
    emitted: str | None = None
    #: a tool did something to the conversation, so that it needs no output of ours
    touched: bool = False


@dataclass(slots=True)
class Progress:
    """How far a turn has come; nobody outside of the rooms needs it."""

    #: agents that this turn went to
    route: frozenset[str] = frozenset()
    #: how often a model was asked
    asked: int = 0
    #: ids made for tool calls
    calls: int = 0
    #: journaled steps that were started
    steps: int = 0
    #: items for the client that were made, sent before or not
    emitted: int = 0
    #: the newest answer of an execution inside a tool
    answer: str | None = None
    #: the first error on the way; the turn goes on, and ends as failed
    fault: Failed | None = None
    batch: Batch | None = None
    #: states in use, by name: all who use one wait in the same line
    states: dict[str, StateHandle] = field(default_factory=dict[str, StateHandle])
    #: finished steps that are not in the journal yet: they are encoded only if another step follows
    unwritten: list[tuple[str, Callable[[], str]]] = field(default_factory=list[tuple[str, Callable[[], str]]])


@dataclass(frozen=True, slots=True)
class Rooms:
    """The doors between parts of a turn that need each other both ways; `corridor` hangs them."""

    #: (turn, message): executes in tool mode, returns what the tool gets to read
    execute: Callable[["OpenTurn", str], Awaitable[str]]
    #: (turn, message): asks without history, policies and tools
    run: Callable[["OpenTurn", str], Awaitable[str]]
    #: (turn, agent name): what a tool or callback is handed
    face: Callable[["OpenTurn", str], Turn]


@dataclass(slots=True)
class OpenTurn:
    """One request on its way through its session; made by `open_turn`, read by the lane while it runs.

    The lane may read everything at any time and writes only: `events_flushed` and `emits_flushed` (how many it has
    sent already), `journal` (cleared once sent), `replay` (before the start), `cancelled_by` (before it cancels the
    task of the turn).
    """

    port: TurnPort
    swarm: Swarm
    session: Session
    request: AdmittedRequest
    rooms: Rooms
    number: int
    attempt: int
    before: Snapshot
    #: the end that all its bus events have in common, up to the time
    event_tail: str
    #: every bus event there is, not only those of the session
    all_events: bool
    #: the session was there before, or this turn opens it
    in_session: bool
    #: the turn that runs in the session while this control request is handled
    beside: Optional["OpenTurn"] = None
    #: what an interrupted attempt left behind: journal fields without the request id, `step/<n>` and `emit/<n>`
    replay: dict[str, str] = field(default_factory=dict[str, str])
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
    #: why this turn is to end: `cancel-output`, `emit`, `interrupt`, `rollback`, `dispose`; "" = it is not
    cancelled_by: str = ""
    #: text of an emit that takes the place of the answer
    substituted: str | None = None
    payload: JsonValue = None
    #: context of `commit-execution-begin`, which was published; "" before that
    execution_context: str = ""
    progress: Progress = field(default_factory=Progress)


class Finished(NamedTuple):
    """How a turn ended: everything that its commit writes.

    `reply` is compact JSON without `seq`: the script splices `,"seq":N` before the last brace, unless `sequenced` is
    false (a request that never reached a turn has `"seq":null` in it already). `document` is None when it did not
    change since the last commit. `opens` is false for what leaves no session where there was none. `dead_reason` asks
    for a dead letter with the text `error`.
    """

    outcome: Outcome
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
