"""The seam between a turn and the lane: what a turn asks for, what it collects, what it hands over for the commit."""

from asyncio import Lock
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Optional, Protocol

from pydantic import JsonValue

from schemas.requests import OPENING_KINDS
from worker.core.json_text import quote
from worker.core.outcome import Outcome
from worker.core.request import AdmittedRequest
from worker.core.session import Session, Snapshot
from worker.core.shared import SharedChange, SharedValue
from worker.definitions.session_info import SessionInfo
from worker.definitions.swarm import Swarm
from worker.definitions.turn import Turn
from worker.observe.metrics import Metrics
from worker.turn.progress import Parked, Progress
from worker.turn.together import Together
from worker.turn.waits import Waits

if TYPE_CHECKING:
    from worker.observe.tracing import TurnTrace


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

    async def fresh(self, turn: "OpenTurn") -> None:
        """Wait until the lease is fresh; does not suspend in the normal case."""
        ...

    def now_ms(self) -> int:
        """Return an estimate of Redis' clock in Unix ms."""
        ...

    def publish_delta(self, turn: "OpenTurn", text: str) -> None:
        """Send one piece of streamed text on the client channel, best effort."""
        ...

    async def shared(
        self, turn: "OpenTurn", name: str, number: int = 0, change: SharedChange | None = None
    ) -> SharedValue:
        """Return a shared state after trying to make a change; `number` tells the changes of a turn apart, 0 = none.

        Waits as `permit` does; raises `Fenced`, and `TurnError` when the state can't be used.
        """
        ...

    def shared_line(self, name: str) -> Lock:
        """Return the lock of those turns of this worker that were too slow to change a shared state."""
        ...

    def spoke(self) -> None:
        """Take note that the turn has said something to its client."""
        ...

    @property
    def metrics(self) -> Metrics:
        """Return where a turn counts what it does."""
        ...

    async def park(self, turn: "OpenTurn", until_ms: int) -> None:
        """End this run of the turn without an end of its request; it is run again by that time, or when it is woken.

        Does not return: the task of the turn is cancelled.
        """
        ...

    def note(self, name: str) -> None:
        """Count something that the turn survived: `callback_error`, `validator_error`, `agent_error`."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """The doors between parts of a turn that need each other both ways; `corridor` hangs them."""

    #: (turn, message): executes in tool mode, returns what the tool gets to read
    execute: Callable[["OpenTurn", str], Awaitable[str]]
    #: (turn, message): asks beside the conversation, without policies and tools
    run: Callable[["OpenTurn", str], Awaitable[str]]
    #: (turn, agent name): what a tool or callback is handed
    face: Callable[["OpenTurn", str], Turn]


class OpenTurn:
    """One request on its way through its session; made by `open_turn`, read by the lane while it runs.

    The lane may read everything at any time and writes only: `events_flushed` and `emits_flushed` (how many it has
    sent already), `journal` (cleared once sent), `replay`, `together`, `tries` (before the start),
    `parked` and `cancelled_by` (before the start, or before it cancels the task of the turn).
    """

    __slots__ = (
        "all_events",
        "attempt",
        "ban_changes",
        "before",
        "beside",
        "cancelled_by",
        "client_json",
        "emits",
        "emits_flushed",
        "event_tail",
        "events",
        "events_flushed",
        "execution_context",
        "in_session",
        "info",
        "journal",
        "number",
        "opens",
        "parked",
        "payload",
        "port",
        "progress",
        "records",
        "replay",
        "request",
        "rooms",
        "session",
        "substituted",
        "swarm",
        "together",
        "trace",
        "tries",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place, on the hot path
        self,
        port: TurnPort,
        swarm: Swarm,
        session: Session,
        request: AdmittedRequest,
        rooms: Rooms,
        number: int,
        attempt: int,
        beside: Optional["OpenTurn"],
    ) -> None:
        self.port = port
        self.swarm = swarm
        self.session = session
        self.request = request
        self.rooms = rooms
        self.number, self.attempt = number, attempt
        #: the turn that runs in the session while this control request is handled
        self.beside = beside
        #: the session as it was, for `rollback`
        self.before: Snapshot = session.snapshot()
        #: the client id as JSON
        self.client_json = quote(session.client_id)
        #: the end that all bus events of the turn have in common, up to the time; 0 is no number of a turn
        self.event_tail = (
            f'"clientId":{self.client_json},"requestId":"{request.request_id}","turn":{number or "null"},'
            f'"attempt":{attempt},"atMs":'
        )
        #: every bus event there is, not only those of the session
        self.all_events = swarm.bus == "all"
        #: the session was there before, or this turn opens it, or the one beside does; then it outlives the commit
        self.opens = session.turn > 0 or request.kind in OPENING_KINDS or (beside is not None and beside.opens)
        #: there is a session to speak of, though it may be a throw-away one
        self.in_session = self.opens or beside is not None
        #: what an interrupted attempt left behind: journal fields without the request id, `step/<n>`, `emit/<n>`
        self.replay: dict[str, str] = {}
        #: new history records, JSON
        self.records: list[str] = []
        #: all bus events in order, JSON
        self.events: list[str] = []
        self.events_flushed = self.emits_flushed = 0
        #: items for the client channel, JSON objects without `seq`: the script adds it before the last brace
        self.emits: list[str] = []
        #: journal fields (without the request id) that no flush has sent yet
        self.journal: dict[str, str] = {}
        #: (policy name, True = ban, False = lift) in order
        self.ban_changes: list[tuple[str, bool]] = []
        #: why this turn is to end: `cancel-output`, `emit`, `interrupt`, `rollback`, `dispose`; "" = it is not
        self.cancelled_by = ""
        #: text of an emit that takes the place of the answer
        self.substituted: str | None = None
        self.tries = _FIRST_TRY
        #: this turn is parked; or, of a control request that finds no turn running, the turn that it may be about is
        self.parked: Parked | None = None
        self.payload: JsonValue = None
        #: all requests that this turn answers, oldest first, when it answers more than its own (`request`, the newest)
        self.together: Sequence[Together] = ()
        #: context of `commit-execution-begin`, which was published; "" before that
        self.execution_context = ""
        self.progress = Progress()
        #: what validators were told last
        self.info: SessionInfo | None = None
        #: the spans of this turn, None where nobody traces
        self.trace: TurnTrace | None = None

    def waiting(self) -> Waits:
        """Return the waits of this turn that its time limits don't count."""
        waits = self.progress.waits
        if waits is None:
            waits = self.progress.waits = Waits()
        return waits

    def emit_delta(self, text: str) -> None:
        """Stream a piece of the answer under way, best effort; raises `TypeError` for what is no text."""
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a completion calls it
            raise TypeError(f"emit_delta takes text, not {type(text).__name__}")
        self.port.publish_delta(self, text)


@dataclass(frozen=True, slots=True)
class Tries:
    """What came before this attempt of a turn.

    `handbacks`: attempts that a worker cut short because it stopped; the reply does not count them. `retries`: how
    often it was tried again after an error that may be gone later, `left`: how often it still may be.
    """

    handbacks: int = 0
    retries: int = 0
    left: int = 0


_FIRST_TRY: Final = Tries()


class Postponed(NamedTuple):
    """A turn that is to be tried again later: nothing of it is committed.

    `message` says why, without contents of messages. `after_s`: how long to wait at least, None = nobody knows.
    """

    message: str
    after_s: float | None


class EndedTogether(NamedTuple):
    """The end of one of several requests that a turn answered; `reply` and `sequenced` as in `Finished`."""

    request: AdmittedRequest
    status: str
    reply: str
    sequenced: bool


@dataclass(slots=True)
class Finished:
    """How a turn ended: everything that its commit writes.

    `reply` is compact JSON without `seq`: the script splices `,"seq":N` before the last brace, unless `sequenced` is
    false (a request that never reached a turn has `"seq":null` in it already). `document` is None when it did not
    change since the last commit. `opens` is false for what leaves no session where there was none. `dead_reason` asks
    for a dead letter with the text `error`. `together` has a reply for each request, where there are several.
    `wakes`: the parked turn of the session goes on.
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
    together: Sequence[EndedTogether] = ()
    wakes: bool = False
