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


class HeldSession:
    """A claimed session; `turn` is the request that runs now, `unconfirmed` how many commits are on their way."""

    __slots__ = (
        "_confirmed",
        "_control_lock",
        "_services",
        "_silent_since",
        "beside",
        "claimed",
        "control_seen",
        "deltas_sent",
        "flushing",
        "forced_disposal",
        "is_called_off",
        "is_damaged",
        "is_suspect",
        "journaled",
        "letting_go",
        "lost",
        "metrics",
        "now_ms",
        "session",
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
        #: it may hold the request that kills workers, until its head has ended
        self.is_suspect = claimed.is_suspect
        self.swarm = swarm
        #: what is stored of it can't be read: no request can run but its disposal
        self.session, self.is_damaged = _load(claimed, swarm.default_agent)
        self.turn: OpenTurn | None = None
        self.task: asyncio.Task[None] | None = None
        self.unconfirmed = 0
        self.deltas_sent = 0
        #: the turn has written to its journal, which its commit must clear
        self.journaled = False
        self.lost = False
        #: the head, which waited for its retry, is on its way to a commit as cancelled
        self.is_called_off = False
        #: the commit that releases it is on its way: control that comes now goes to the next holder
        self.letting_go = False
        #: a forced disposal that waits for the running turn to end
        self.forced_disposal: Step | None = None
        #: a control request is being applied that is not on its way to a commit yet
        self.beside = False
        self._control_lock: asyncio.Lock | None = None
        self.control_seen: set[str] = {request.request_id for request in claimed.control} if claimed.control else set()
        #: live output on its way; the commit waits for it
        self.flushing: asyncio.Future[None] | None = None
        self._confirmed: asyncio.Event | None = None
        #: when the turn began that has not said anything yet; 0 = it has
        self._silent_since = 0.0

    @property
    def control_lock(self) -> asyncio.Lock:
        """Return what keeps control requests in their order; most sessions never need it."""
        if self._control_lock is None:
            self._control_lock = asyncio.Lock()
        return self._control_lock

    @property
    def waits_for_retry(self) -> bool:
        """Tell whether the head was left in Redis, where it waits for its retry, and for nobody's answer."""
        claimed = self.claimed
        waits = claimed.retries > 0 and not claimed.requests and not self.is_called_off
        return waits and not pending_question(claimed.journal)

    @property
    def was_begun(self) -> bool:
        """Tell whether somebody began its head before, and left notes of it that a commit must clear."""
        claimed = self.claimed
        return bool(claimed.journal) or claimed.handbacks + claimed.retries > 0

    def begin(self, turn: OpenTurn) -> None:
        """Take note of the turn that runs from now on."""
        self.turn = turn
        self.deltas_sent = 0
        self.journaled = False
        self._silent_since = monotonic()

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
        flushing = self.flushing
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
        # Before anything is awaited: the ticker of live events may take the journal along.
        self.journaled = self.journaled or bool(turn.journal)
        await self.permit(turn)
        # If control ends the turn while it waits here, its commit still has to wait, or it would send all this again.
        self.flushing = self._services.flusher.flush(self.claimed.sid, self.claimed.fence, turn)
        with turn.waiting():
            await asyncio.shield(self.flushing)

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
            self._services.deltas.publish(self.claimed.sid, turn, self.deltas_sent, text)
            self.deltas_sent += 1
            self.spoke()

    async def deltas_out(self) -> None:
        """Wait, not for long, until the streamed text of the turn is out."""
        await self._services.deltas.out()

    def spoke(self) -> None:
        """Measure how long the client waited for the first output of the turn."""
        if self._silent_since:
            self.metrics.first_emit(self.swarm.name, monotonic() - self._silent_since)
            self._silent_since = 0.0

    async def park(self, turn: OpenTurn, until_ms: int) -> None:
        """End this run of the turn, see `TurnPort`; what it has sent and noted is confirmed."""
        turn.parked = Parked(until_ms=until_ms)
        if self.task is not None:
            self.task.cancel()
        await asyncio.Event().wait()

    def note(self, name: str) -> None:
        """Count something that the turn survived."""
        self._services.metrics.callback_error(name)


def _load(claimed: ClaimedSession, default_agent: str) -> tuple[Session, bool]:
    """Return the session as it was claimed, a fresh one if it can't be read, and whether that is so."""
    if claimed.kept is not None:
        return claimed.kept, False
    try:
        return _session_of(claimed, default_agent, claimed.document), False
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
        history=claimed.history,
        history_length=claimed.history_length,
        banned=claimed.banned,
    )
