"""One session in the hands of this worker, from claim to release; the port through which its turns reach the lane."""

import asyncio
from dataclasses import dataclass

import structlog

from worker.clock import monotonic
from worker.core.session import Session
from worker.core.shared import SharedChange, SharedValue
from worker.definitions.swarm import Swarm
from worker.errors import Fenced
from worker.lane.deltas import Deltas
from worker.lane.flusher import Flusher
from worker.lane.lease import Lease
from worker.lane.releaser import Releaser
from worker.lane.server_clock import ServerClock
from worker.lane.shared import SharedStates
from worker.lane.steps import Step
from worker.observe.metrics import Metrics
from worker.store.claims import ClaimedSession
from worker.store.commits import HandBack
from worker.store.kept import KeptSessions
from worker.turn.operator import pending_question
from worker.turn.port import OpenTurn
from worker.turn.progress import Parked

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LaneServices:
    """What every held session of a shard shares."""

    lease: Lease
    clock: ServerClock
    flusher: Flusher
    deltas: Deltas
    metrics: Metrics
    kept: KeptSessions
    releaser: Releaser
    shared: SharedStates


class LiveOutput:
    """What the running turn has sent or noted before its commit."""

    __slots__ = ("deltas", "flushing", "is_journaled")

    def __init__(self) -> None:
        """Begin with nothing."""
        #: live output on its way; the commit waits for it
        self.flushing: asyncio.Future[None] | None = None
        self.begin()

    def begin(self) -> None:
        """Begin a turn."""
        #: pieces of streamed text
        self.deltas = 0
        #: it has written to the journal of the session, which its commit must clear
        self.is_journaled = False


class ControlLine:
    """The control requests of a held session: they keep their order, and each counts once."""

    __slots__ = ("has_called_off", "is_busy", "lock", "seen")

    def __init__(self, claimed: ClaimedSession) -> None:
        """Begin with those that came with the claim."""
        self.lock = asyncio.Lock()
        self.seen = {request.request_id for request in claimed.control}
        #: one is being applied that is not on its way to a commit yet
        self.is_busy = False
        #: the head, which waited for its retry, is on its way to a commit as cancelled
        self.has_called_off = False


class HeldSession:
    """A claimed session; `turn` is the request that runs now, `unconfirmed` how many commits are on their way."""

    __slots__ = (
        "_confirmed",
        "_services",
        "claimed",
        "control",
        "forced_disposal",
        "is_damaged",
        "letting_go",
        "live",
        "lost",
        "metrics",
        "now_ms",
        "session",
        "silent_since",
        "swarm",
        "task",
        "turn",
        "unconfirmed",
    )

    def __init__(self, services: LaneServices, claimed: ClaimedSession, swarm: Swarm) -> None:
        """Take the session as it was claimed."""
        self._services = services
        #: where its turns count what they do
        self.metrics = services.metrics
        #: an estimate of Redis' clock; asked several times a turn, so there is no call in between
        self.now_ms = services.clock.now_ms
        self.claimed = claimed
        self.swarm = swarm
        #: what is stored of it can't be read: no request can run but its disposal
        self.is_damaged = False
        if claimed.kept is not None:
            self.session = claimed.kept
        else:
            self.session, self.is_damaged = _load(claimed, swarm.default_agent)
        self.turn: OpenTurn | None = None
        self.task: asyncio.Task[None] | None = None
        self.unconfirmed = 0
        self._confirmed: asyncio.Event | None = None
        #: None: no turn has sent anything before its commit, as most don't
        self.live: LiveOutput | None = None
        #: None: no control request has come, as to most
        self.control: ControlLine | None = None
        #: a forced disposal that waits for the running turn to end
        self.forced_disposal: Step | None = None
        #: the commit that releases it is on its way: control that comes now goes to the next holder
        self.letting_go = False
        self.lost = False
        #: when the request was begun that has not said anything yet; 0 = it has
        self.silent_since = 0.0

    def controlled(self) -> ControlLine:
        """Return the line of control requests, to be made with the first one."""
        if self.control is None:
            self.control = ControlLine(self.claimed)
        return self.control

    def said(self) -> LiveOutput:
        """Return what the running turn has sent, to be made with the first piece."""
        if self.live is None:
            self.live = LiveOutput()
        return self.live

    @property
    def waits_for_retry(self) -> bool:
        """Tell whether the head was left in Redis, where it waits for its retry, and for nobody's answer."""
        stored = self.claimed.stored
        waits = stored.retries > 0 and not self.claimed.requests and not self.controlled().has_called_off
        return waits and not pending_question(stored.journal)

    @property
    def has_notes(self) -> bool:
        """Tell whether its journal has notes of the head that a commit must clear."""
        return self.claimed.stored.was_begun or (self.live is not None and self.live.is_journaled)

    @property
    def may_write(self) -> bool:
        """Tell whether live output may go out now: all earlier commits are through and nobody can have taken over."""
        return not self.unconfirmed and not self.lost and self._services.lease.is_fresh

    def hand_back(self, wait_ms: int = 0, *, is_parked: bool = False) -> HandBack:
        """Return what hands this session back; see `HandBack`."""
        return HandBack(self.claimed.sid, self.claimed.fence, bool(self.claimed.requests), wait_ms, is_parked)

    @property
    def is_over(self) -> bool:
        """Tell whether live output of the running turn was refused, or the whole session is lost."""
        flushing = None if self.live is None else self.live.flushing
        return self.lost or (flushing is not None and flushing.done() and flushing.exception() is not None)

    def confirmed(self) -> None:
        """Take note that one commit is through."""
        self.unconfirmed -= 1
        if self._confirmed is not None and self.unconfirmed == 0:
            self._confirmed.set()

    def lose(self) -> None:
        """Stop the turn and write nothing any more: the session has a younger holder."""
        self.lost = True
        if self._confirmed is not None:
            self._confirmed.set()
        if self.task is not None:
            self.task.cancel()

    async def settled(self) -> None:
        """Wait until every commit of this session is confirmed; raises `Fenced` when the session was lost."""
        while self.unconfirmed and not self.lost:
            self._confirmed = asyncio.Event()
            await self._confirmed.wait()
        if self.lost:
            raise Fenced(self.claimed.sid)

    async def flush(self, turn: OpenTurn) -> None:
        """Send what the turn has not sent yet and wait until it is confirmed; raises `Fenced`."""
        live = self.said()
        # Before anything is awaited: the ticker of live events may take the journal along.
        live.is_journaled = live.is_journaled or bool(turn.journal)
        await self.permit(turn)
        # If control ends the turn while it waits here, its commit still has to wait, or it would send all this again.
        live.flushing = self._services.flusher.flush(self.claimed.sid, self.claimed.fence, turn)
        with turn.waiting():
            await asyncio.shield(live.flushing)

    async def permit(self, turn: OpenTurn) -> None:
        """Wait until the lease is fresh and earlier commits of the session are confirmed."""
        if self.unconfirmed or self.lost:
            with turn.waiting():
                await self.settled()
        await self.fresh(turn)

    async def fresh(self, turn: OpenTurn) -> None:
        """Wait until the lease is fresh."""
        if not self._services.lease.is_fresh:
            with turn.waiting():
                await self._services.lease.fresh()

    async def shared(
        self, turn: OpenTurn, name: str, number: int = 0, change: SharedChange | None = None
    ) -> SharedValue:
        """Return a shared state after trying to make a change, see `TurnPort`; raises `Fenced` and `TurnError`."""
        while True:
            await self.permit(turn)
            with turn.waiting():
                found = await self._services.shared.call(name, turn.request.request_id, number, change)
            if found is not None:
                return found

    def shared_line(self, name: str) -> asyncio.Lock:
        """Return the lock of those turns of this worker that were too slow to change a shared state."""
        return self._services.shared.line(name)

    def publish_delta(self, turn: OpenTurn, text: str) -> None:
        """Send one piece of streamed text, best effort; nothing goes out while the lease is in doubt."""
        if self._services.lease.is_fresh and not self.lost:
            live = self.said()
            self._services.deltas.publish(self.claimed.sid, turn, live.deltas, text)
            live.deltas += 1
            self.spoke()

    async def all_out(self, live: LiveOutput) -> None:
        """Wait until what the turn has sent is out, so that it can't arrive after the commit; raises `Fenced`."""
        if live.deltas:
            await self._services.deltas.out()
        if live.flushing is not None:
            flushing, live.flushing = live.flushing, None
            await asyncio.shield(flushing)

    def spoke(self) -> None:
        """Measure how long the client waited for the first output of the turn."""
        if self.silent_since:
            self.metrics.first_emit(self.swarm.name, monotonic() - self.silent_since)
            self.silent_since = 0.0

    async def park(self, turn: OpenTurn, until_ms: int) -> None:
        """End this run of the turn, see `TurnPort`; what it has sent and noted is confirmed."""
        turn.parked = Parked(until_ms=until_ms)
        if self.task is not None:
            self.task.cancel()
        await asyncio.Event().wait()

    def note(self, name: str) -> None:
        """Count something that the turn survived."""
        self.metrics.callback_error(name)


def _load(claimed: ClaimedSession, default_agent: str) -> tuple[Session, bool]:
    """Return the session as it is stored, a fresh one if that can't be read, and whether that is so."""
    try:
        return _session_of(claimed, default_agent, claimed.stored.document), False
    except ValueError:
        # It would stop every worker that claims it, one after the other.
        log.exception("session_damaged", sid=claimed.sid)
        return _session_of(claimed, default_agent, b""), True


def _session_of(claimed: ClaimedSession, default_agent: str, document: bytes) -> Session:
    return Session.load(
        client_id=claimed.client_id,
        swarm_name=claimed.swarm_name,
        default_agent=default_agent,
        turn=claimed.turn,
        document=document,
        history=claimed.stored.history,
        banned=claimed.stored.banned,
    )
