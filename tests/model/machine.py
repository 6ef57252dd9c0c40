"""The machine that hypothesis drives: imaginary workers call the real scripts, and crash or sleep at any time."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

import redis as redis_py
import redis.asyncio as redis_asyncio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.keyspace import sid_of
from tests.model.shard_model import SWEPT, ModelSession, ShardModel, Taken
from tests.store.stage import LEASE_MS, TTL_MS, Stage, StagedWorker, ended, finish
from worker.simulate import keyspace
from worker.store.claims import ClaimedSession, NoLease
from worker.store.commits import LiveOutput, Source
from worker.store.housekeeper import ShardHousekeeper

WORKERS = ("w1", "w2", "w3")
CLIENTS = ("a", "b", "c", "d")
workers = st.sampled_from(WORKERS)
clients = st.sampled_from(CLIENTS)
picks = st.integers(0, 1000)


@dataclass
class Hold:
    """A session in the hands of an imaginary worker, as the worker believes; it may be wrong."""

    worker: str
    client: str
    claimed: ClaimedSession
    control_done: int = 0
    done: int = 0

    @property
    def next_control(self) -> str | None:
        """Return the control request that comes next."""
        left = self.claimed.control[self.control_done :]
        return left[0].request_id if left else None

    @property
    def next_request(self) -> str | None:
        """Return the request that comes next."""
        left = self.claimed.requests[self.done :]
        return left[0].request_id if left else None

    @property
    def is_last(self) -> bool:
        """Tell whether nothing is left after the next one."""
        left = len(self.claimed.control) - self.control_done + len(self.claimed.requests) - self.done
        return left == 1


class ShardMachine(RuleBasedStateMachine):
    """Scripts against model; `url` is set by the test."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = redis_py.Redis.from_url(self.url)
        self.model = ShardModel()
        self.holds: list[Hold] = []
        self.fences: set[tuple[str, str]] = set()
        self.numbers = itertools.count(1)
        self.sent: list[tuple[str, str, str]] = []

    @initialize()
    def set_up(self) -> None:
        """Begin with an empty server and three workers."""
        self.client.flushall()
        self.stage = Stage(redis_asyncio.Redis.from_url(self.url), self.url)
        self.keys = self.stage.keys
        self.housekeeper = ShardHousekeeper(self.url, self.keys, "housekeeping", LEASE_MS)
        self.run(self.stage.announce())
        self.staged: dict[str, StagedWorker] = {name: self.run(self.stage.worker(name)) for name in WORKERS}
        self.model.workers = set(WORKERS)

    def teardown(self) -> None:
        """Close every connection."""
        if hasattr(self, "stage"):
            self.run(self.stage.close())
            self.run(self.housekeeper.close())
            self.run(self.stage.redis.aclose())
        self.client.close()
        self.runner.close()

    def run(self, call: Any) -> Any:
        """Run a coroutine to its end."""
        return self.runner.run(call)

    @rule(client=clients, is_control=st.booleans())
    def push(self, client: str, is_control: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        """Send a request."""
        self._send(f"r-{next(self.numbers)}", client, "notify" if is_control else "execute")

    @precondition(lambda self: self.sent)
    @rule(pick=picks, client=clients, same=st.booleans())
    def push_again(self, pick: int, client: str, same: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        """Send a request id again, for its own client or for another one."""
        request_id, owner, kind = self.sent[pick % len(self.sent)]
        self._send(request_id, owner if same else client, kind)

    @rule(worker=workers, free=st.integers(0, 3), suspect_slots=st.integers(0, 1), is_lost=st.booleans())
    def claim(self, worker: str, free: int, suspect_slots: int, is_lost: bool) -> None:  # noqa: FBT001 - by name
        """Admit and claim; when the answer is lost the worker repeats the call."""
        staged = self.staged[worker]
        order = {name: self._held_by(name) for name in WORKERS}
        number = staged.next("claim")
        try:
            claim = self.run(staged.store.admit_and_claim(number, free, suspect_slots))
        except NoLease:
            assert worker not in self.model.workers
            return
        assert worker in self.model.workers
        expected = self.model.claim(worker, free, suspect_slots, order)
        assert [taken_of(session) for session in claim.sessions] == expected
        for session in claim.sessions:
            self._hold(worker, session)
        if is_lost:
            again = self.run(staged.store.admit_and_claim(number, free, suspect_slots))
            assert [(one.sid, one.fence) for one in again.sessions] == [(one.sid, one.fence) for one in claim.sessions]

    @precondition(lambda self: self.holds)
    @rule(pick=picks, early=st.booleans(), is_lost=st.booleans())
    def commit(self, pick: int, early: bool, is_lost: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        """Commit the next request of a session that its worker believes to hold; `early` lets go before the last."""
        hold = self.holds[pick % len(self.holds)]
        from_control = hold.next_control is not None
        request_id = hold.next_control or hold.next_request
        if request_id is None or request_id.startswith(SWEPT):
            return
        release = early or hold.is_last
        source = Source.CONTROL if from_control else Source.MAILBOX
        index = hold.control_done if from_control else hold.done
        session = self.model.sessions.get(hold.client)
        turn = (session.turn or 0) + 1 if session else 1
        records = [] if from_control else ["{}", "[]"]
        changes = {"opens": not from_control, "turn": turn, "records": records, "journaled": True, "release": release}
        item = finish(hold.claimed, index, source=source, **changes)
        if self._commit(hold, item, is_lost=is_lost):
            self.model.commit(hold.client, from_control=from_control, release=release, opens=not from_control)
            hold.control_done += from_control
            hold.done += not from_control
            if release:
                self.holds.remove(hold)

    @precondition(lambda self: any((hold.next_request or "").startswith(SWEPT) for hold in self.holds))
    @rule(pick=picks, is_lost=st.booleans(), crash=st.booleans())
    def dispose(self, pick: int, is_lost: bool, crash: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        """Carry out a disposal by TTL, or find that it is called off; a crash comes between its two steps."""
        asked = [hold for hold in self.holds if (hold.next_request or "").startswith(SWEPT) and not hold.next_control]
        if not asked:
            return
        hold = asked[pick % len(asked)]
        verdict = self._begin_dispose(hold)
        if verdict == "fenced":
            self.holds.remove(hold)
        elif verdict == "called_off":
            self._commit_void(hold)
        elif not crash:
            requests = [ended(hold.claimed.requests[hold.done].request_id, "", "", sequenced=False)]
            changes = {"requests": requests, "dispose": True, "release": True, "records": [], "journaled": True}
            if self._commit(hold, finish(hold.claimed, hold.done, **changes), is_lost=is_lost):
                self.model.dispose(hold.client)
                self.holds.remove(hold)

    @precondition(lambda self: self.holds)
    @rule(pick=picks)
    def release(self, pick: int) -> None:
        """Hand a session back in the middle of its turn."""
        hold = self.holds.pop(pick % len(self.holds))
        try:
            (status,) = self.run(self.staged[hold.worker].release(hold.claimed))
        except NoLease:
            assert hold.worker not in self.model.workers
            return
        fits = self.model.fits(hold.worker, hold.client, hold.claimed.fence)
        assert status == ("ok" if fits else "fenced")
        if fits:
            self.model.release(hold.client, is_charged=bool(hold.claimed.requests))

    @precondition(lambda self: self.holds)
    @rule(pick=picks)
    def flush(self, pick: int) -> None:
        """Keep a step of the running turn in the journal."""
        hold = self.holds[pick % len(self.holds)]
        if hold.next_request is None:
            return
        step = {f"{hold.next_request}/step/{next(self.numbers)}": "done"}
        try:
            status = self.run(
                self.staged[hold.worker].flush(LiveOutput(hold.claimed.sid, hold.claimed.fence, [], [], step))
            )
        except NoLease:
            assert hold.worker not in self.model.workers
            return
        fits = self.model.fits(hold.worker, hold.client, hold.claimed.fence)
        assert status == ["ok" if fits else "fenced"]
        if fits:
            self.model.sessions[hold.client].journal |= step

    @rule(worker=workers)
    def crash(self, worker: str) -> None:
        """Let a worker forget everything; its lease is over; one that only sleeps keeps what it believes."""
        self.holds = [hold for hold in self.holds if hold.worker != worker]
        self.sleep(worker)

    @rule(worker=workers)
    def sleep(self, worker: str) -> None:
        """Let the lease of a worker be over; it goes on when it wakes up."""
        if worker in self.model.workers:
            self.run(self.stage.expire_lease(self.staged[worker]))
            self.model.expired.add(worker)

    @rule(worker=workers)
    def age(self, worker: str) -> None:
        """Let a worker have renewed for a whole lease."""
        if worker in self.model.workers:
            self.run(self.stage.age(self.staged[worker]))
            self.model.aged.add(worker)

    @rule(worker=workers, register=st.booleans())
    def renew(self, worker: str, register: bool) -> None:  # noqa: FBT001 - hypothesis calls by name
        """Renew a lease, or begin one."""
        order = {name: self._held_by(name) for name in WORKERS}
        renewal = self.run(self.staged[worker].renew(register=register))
        is_member = worker in self.model.workers
        assert renewal.registered == (is_member or register)
        if not renewal.registered:
            return
        if not is_member or worker in self.model.expired:
            self.model.aged.discard(worker)
        self.model.workers.add(worker)
        self.model.expired.discard(worker)
        reclaimed = self.model.reclaim(order) if worker in self.model.aged else 0
        assert renewal.reclaimed == reclaimed

    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        """Deregister a worker; what it held is given back."""
        order = self._held_by(worker)
        given_back = self.run(self.staged[worker].store.deregister())
        assert given_back == self.model.give_back_all(worker, order)
        for names in (self.model.workers, self.model.expired, self.model.aged):
            names.discard(worker)
        self.holds = [hold for hold in self.holds if hold.worker != worker]

    @rule(client=clients)
    def sweep(self, client: str) -> None:
        """Let the time of an idle session be over, and sweep: nobody is asked while no worker lives."""
        session = self.model.sessions.get(client)
        if session is None or session.status != "idle":
            return
        sid = sid_of("support", client)
        due_at_ms = self.client.zscore(self.keys.sessions, sid)
        self.client.zadd(self.keys.sessions, {sid: 1})
        if not self.model.workers - self.model.expired:
            assert self.run(self.housekeeper.sweep()) == 0
            self.client.zadd(self.keys.sessions, {sid: due_at_ms})
            return
        assert self.run(self.housekeeper.sweep()) == 1
        record = self.client.lindex(self.keys.mailbox(sid), -1) or b""
        self.model.sweep([client], [record.split(b"\t")[0].decode()])

    @invariant()
    def agrees(self) -> None:
        """Compare everything that Redis holds with the model."""
        if not hasattr(self, "stage"):
            return
        for client in CLIENTS:
            self._compare(client, self.model.sessions.get(client))
        assert self._line(self.keys.ready) == list(self.model.ready)
        assert self._line(self.keys.suspects) == list(self.model.suspects)
        assert {name.decode() for name in self.client.zrange(self.keys.workers, 0, -1)} == self.model.workers
        for worker in WORKERS:
            assert set(self._held_by(worker)) == self.model.held.get(worker, set())
        assert self.client.xlen(self.keys.dead) == self.model.dead
        for request_id in self.model.owner:
            reply = self.client.get(self.keys.result(request_id)) or b""
            assert (b'"accepted"' not in reply) == (request_id in self.model.answered), reply
        assert keyspace.faults(self.client) == []

    def _compare(self, client: str, session: ModelSession | None) -> None:
        sid = sid_of("support", client)
        found = self.client.hgetall(self.keys.session(sid))
        assert bool(found) == (session is not None), found
        if session is None:
            return
        assert found[b"status"].decode() == session.status
        assert int(found.get(b"attempts", b"0")) == session.attempts
        assert int(found.get(b"turn", b"0")) == (session.turn or 0)
        assert self._ids(self.keys.mailbox(sid)) == list(session.mailbox)
        assert self._ids(self.keys.control(sid)) == list(session.control)
        assert self._records(self.keys.history(sid)) == session.records
        journal = {name.decode(): value.decode() for name, value in self.client.hgetall(self.keys.journal(sid)).items()}
        assert journal == session.journal
        if session.holder:
            assert found[b"holder"].decode() == session.holder
            assert found[b"fence"].decode() == session.fence

    def _records(self, key: str) -> int:
        if self.client.type(key) == b"string":  # of a session that had one turn
            return len(self.client.get(key).splitlines())
        return self.client.llen(key)

    def _send(self, request_id: str, client: str, kind: str) -> None:
        self.run(self.stage.push(request_id, client, kind))
        self.model.stream.append((request_id, client, kind))
        self.sent.append((request_id, client, kind))

    def _hold(self, worker: str, claimed: ClaimedSession) -> None:
        assert (claimed.sid, claimed.fence) not in self.fences, "a fence was given twice"
        self.fences.add((claimed.sid, claimed.fence))
        session = self.model.sessions[claimed.client_id]
        session.fence = claimed.fence
        assert claimed.turn == (session.turn or 0)
        assert claimed.stored.journal == session.journal
        self.holds.append(Hold(worker, claimed.client_id, claimed))

    def _commit(self, hold: Hold, item: Any, *, is_lost: bool) -> bool:
        """Return whether the commit passed, after checking that it should; forget a session that was lost."""
        staged = self.staged[hold.worker]
        number = staged.next("commit")
        try:
            answer = self.run(staged.store.commit(number, [item]))
        except NoLease:
            assert hold.worker not in self.model.workers
            self.holds.remove(hold)
            return False
        fits = self.model.fits(hold.worker, hold.client, hold.claimed.fence)
        assert [str(status) for status in answer.statuses] == ["ok" if fits else "fenced"]
        if is_lost:
            again = self.run(staged.store.commit(number, [item]))
            assert again.statuses == answer.statuses, "a repeated commit is answered as the first time"
        if not fits:
            self.holds.remove(hold)
        return fits

    def _begin_dispose(self, hold: Hold) -> str:
        store = self.staged[hold.worker].store
        verdict = self.run(store.begin_dispose(hold.claimed.sid, hold.claimed.fence, may_call_off=True))
        session = self.model.sessions.get(hold.client)
        fits = self.model.fits(hold.worker, hold.client, hold.claimed.fence) and hold.worker in self.model.workers
        if session is None or not fits:
            assert verdict == "fenced"
        elif session.disposing:
            assert verdict == "disposing"
        elif session.control or len(session.mailbox) > 1:
            assert verdict == "called_off"
        else:
            assert verdict == "disposing"
            session.disposing, session.status = True, "disposing"
        return verdict

    def _commit_void(self, hold: Hold) -> None:
        requests = [ended(hold.claimed.requests[hold.done].request_id, "", "", sequenced=False)]
        release = hold.is_last
        session = self.model.sessions[hold.client]
        changes = {"requests": requests, "opens": False, "records": [], "release": release, "turn": session.turn or 0}
        if self._commit(hold, finish(hold.claimed, hold.done, **changes), is_lost=False):
            self.model.commit(hold.client, from_control=False, release=release, opens=False)
            hold.done += 1
            if release:
                self.holds.remove(hold)

    def _held_by(self, worker: str) -> list[str]:
        # By a script, since redis-py makes a set of SMEMBERS and with it loses the order that reclaim will follow.
        sids = self.client.eval("return redis.call('SMEMBERS', KEYS[1])", 1, self.keys.held(worker))
        return [sid.decode().split(":")[1] for sid in sids]

    def _line(self, key: str) -> list[str]:
        return [sid.decode().split(":")[1] for sid in self.client.lrange(key, 0, -1)]

    def _ids(self, key: str) -> list[str]:
        return [record.split(b"\t")[0].decode() for record in self.client.lrange(key, 0, -1)]


def taken_of(session: ClaimedSession) -> Taken:
    """Return a claimed session as the model tells it."""
    requests = tuple(request.request_id for request in session.requests)
    control = tuple(request.request_id for request in session.control)
    return Taken(session.client_id, requests, control, session.attempts, session.is_suspect)


assert TTL_MS > LEASE_MS, "sessions must not expire by themselves while a model test runs"
