"""A shard as it should be, in plain Python: what the scripts are compared with after each step."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_REQUESTS = 16
SWEPT = "~ttl"


@dataclass
class ModelSession:
    """One session; `status` is idle, ready, held or disposing."""

    status: str = "ready"
    mailbox: deque[str] = field(default_factory=deque[str])
    control: deque[str] = field(default_factory=deque[str])
    holder: str = ""
    fence: str = ""
    attempts: int = 0
    #: None until its first turn was committed
    turn: int | None = None
    records: int = 0
    disposing: bool = False
    journal: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Taken:
    """What one claim should hand out for a session."""

    client: str
    requests: tuple[str, ...]
    control: tuple[str, ...]
    attempts: int
    is_suspect: bool


class ShardModel:
    """All sessions, lines and leases."""

    def __init__(self) -> None:
        self.stream: list[tuple[str, str, str]] = []  # request id, client, kind
        self.sessions: dict[str, ModelSession] = {}
        self.ready: deque[str] = deque()
        self.suspects: deque[str] = deque()
        self.owner: dict[str, str] = {}  # request id -> client
        self.answered: set[str] = set()
        self.dead = 0
        self.workers: set[str] = set()
        #: their lease is over, but nobody took anything yet
        self.expired: set[str] = set()
        #: they have renewed without a break for a whole lease
        self.aged: set[str] = set()
        self.held: dict[str, set[str]] = {}

    def claim(self, worker: str, free: int, suspect_slots: int, order: dict[str, Sequence[str]]) -> list[Taken]:
        """Reclaim, admit and claim; `order` tells in which order Redis keeps the held sessions of each worker."""
        if worker in self.aged and worker not in self.expired:
            self.reclaim(order)
        woken = self._admit()
        taken: list[Taken] = []
        for _ in range(min(suspect_slots, free, len(self.suspects))):
            self._take(self.suspects.popleft(), worker, taken, is_suspect=True)
        while self.ready and len(taken) < free:
            self._take(self.ready.popleft(), worker, taken, is_suspect=False)
        for client in woken:
            if len(taken) < free:
                self._take(client, worker, taken, is_suspect=False)
            else:
                self.ready.append(client)
        return taken

    def reclaim(self, order: dict[str, Sequence[str]]) -> int:
        """Take everything from workers whose lease is over; return how many sessions."""
        dead = sorted(self.expired & self.workers)
        self.workers -= self.expired
        self.expired.clear()
        return sum(self.give_back_all(worker, order.get(worker, ())) for worker in dead)

    def give_back_all(self, worker: str, clients: Sequence[str]) -> int:
        """Give back what a worker held, in the order in which Redis keeps it."""
        held = self.held.pop(worker, set())
        assert held == set(clients)
        shared = sum(self.sessions[client].attempts > 1 for client in clients) > 1
        for client in clients:
            session = self.sessions[client]
            if session.attempts > 1:
                self.suspects.append(client)
            else:
                self.ready.appendleft(client)
            if session.attempts == 2 and shared:
                session.attempts = 1
            session.status, session.holder, session.fence = "ready", "", ""
        return len(clients)

    def fits(self, worker: str, client: str, fence: str) -> bool:
        """Tell whether a fenced call of this holder passes."""
        session = self.sessions.get(client)
        return session is not None and session.fence == fence and session.holder == worker

    def commit(self, client: str, *, from_control: bool, release: bool, opens: bool) -> None:
        """End the request at the head of a held session."""
        session = self.sessions[client]
        request_id = (session.control if from_control else session.mailbox).popleft()
        self.answered.add(request_id)
        prefix = f"{request_id}/"
        session.journal = {name: value for name, value in session.journal.items() if not name.startswith(prefix)}
        if opens:
            session.turn = (session.turn or 0) + 1
            session.records += 2
        if not from_control:
            session.attempts = 0 if release else 1
        if release:
            self._let_go(client, session)

    def dispose(self, client: str) -> None:
        """End a held session; what waits opens a fresh one."""
        old = self.sessions.pop(client)
        self.held[old.holder].discard(client)
        self.answered.add(old.mailbox.popleft())
        if old.mailbox or old.control:
            self.sessions[client] = ModelSession(mailbox=old.mailbox, control=old.control)
            self.ready.append(client)

    def release(self, client: str, *, is_charged: bool) -> None:
        """Hand back a held session whose turn did not end."""
        session = self.sessions[client]
        self.held[session.holder].discard(client)
        session.attempts = max(session.attempts - is_charged, 0)
        (self.suspects if session.attempts else self.ready).appendleft(client)
        session.status, session.holder, session.fence = "ready", "", ""

    def sweep(self, clients: Sequence[str], request_ids: Sequence[str]) -> None:
        """Ask idle sessions to dispose."""
        for client, request_id in zip(clients, request_ids, strict=True):
            session = self.sessions[client]
            session.mailbox.append(request_id)
            session.status = "ready"
            self.ready.append(client)

    def _admit(self) -> list[str]:
        woken: list[str] = []
        for request_id, client, kind in self.stream:
            if request_id in self.owner:
                self.dead += self.owner[request_id] != client
                continue
            self.owner[request_id] = client
            if client not in self.sessions or self.sessions[client].status == "idle":
                self.sessions.setdefault(client, ModelSession()).status = "ready"
                woken.append(client)
            session = self.sessions[client]
            (session.control if kind == "notify" else session.mailbox).append(request_id)
        self.stream.clear()
        return woken

    def _take(self, client: str, worker: str, taken: list[Taken], *, is_suspect: bool) -> None:
        session = self.sessions[client]
        requests = tuple(session.mailbox)[:MOST_REQUESTS]
        session.attempts += bool(requests)
        session.status, session.holder = "disposing" if session.disposing else "held", worker
        self.held.setdefault(worker, set()).add(client)
        taken.append(Taken(client, requests, tuple(session.control), session.attempts, is_suspect))

    def _let_go(self, client: str, session: ModelSession) -> None:
        self.held[session.holder].discard(client)
        session.holder = session.fence = ""
        if session.mailbox or session.control:
            session.status = "ready"
            self.ready.append(client)
        elif session.turn is None:
            del self.sessions[client]
        else:
            session.status = "idle"
