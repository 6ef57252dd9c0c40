"""One shard with workers on it, driven call by call, and all that a test wants to look at afterwards."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys
from worker.core.session import Session
from worker.store.claims import Claim, ClaimedSession
from worker.store.commits import EndedRequest, HandBack, LiveOutput, Source, commit_item
from worker.store.renewal import Renewal, RenewalLink
from worker.store.shard import ShardLimits, ShardStore, WorkerIdentity

NAMESPACE = "swarmline"
SID = "support:alice"
LEASE_MS = 10_000
GRACE_MS = 60_000
TTL_MS = 900_000
RESULT_TTL_MS = 300_000
LIMITS = {
    "lease_ms": LEASE_MS,
    "result_ttl_ms": RESULT_TTL_MS,
    "grace_ms": GRACE_MS,
    "body_max_bytes": 1000,
    "history_max": 50,
    "outbox_max": 100,
    "events_max": 1000,
    "dead_max": 1000,
}
RECORD = '{"role":"user","content":"Hello"}'


class StagedWorker:
    """One worker as the scripts know it: an id, a lease, and operation numbers that count up by themselves."""

    def __init__(self, url: str, keys: ShardKeys, worker_id: str, *, shards: int = 1, **limits: int) -> None:
        self.worker_id = worker_id
        identity = WorkerIdentity(worker_id, {"support": "{}", "sales": "{}"})
        self.store = ShardStore(url, keys, shards, identity, ShardLimits(**(LIMITS | limits)))
        self._renewal = RenewalLink(url, keys, worker_id, LEASE_MS / 1000)
        self._numbers: Counter[str] = Counter()

    async def close(self) -> None:
        await self._renewal.close()
        await self.store.close()

    async def renew(self, *, register: bool = False) -> Renewal:
        renewal = await self._renewal.renew(register=register)
        assert renewal is not None, "the server is there"
        return renewal

    def next(self, kind: str) -> int:
        self._numbers[kind] += 1
        return self._numbers[kind]

    async def claim(self, free_slots: int = 10, *, suspect_slots: int = 1) -> Claim:
        """Admit and claim."""
        return await self.store.admit_and_claim(self.next("claim"), free_slots, suspect_slots)

    async def claim_one(self) -> ClaimedSession:
        """Admit and claim; there must be exactly one session to claim."""
        (session,) = (await self.claim()).sessions
        return session

    async def commit(self, *items: list[str]) -> list[str]:
        """Return the status of each item."""
        return [str(status) for status in (await self.store.commit(self.next("commit"), items)).statuses]

    async def flush(self, *outputs: LiveOutput) -> list[str]:
        """Return the status of each item."""
        return [str(status) for status in (await self.store.flush(self.next("flush"), outputs)).statuses]

    async def release(self, *sessions: ClaimedSession, wait_ms: int = 0) -> list[str]:
        """Return the status of each session."""
        items = [HandBack(session.sid, session.fence, bool(session.requests), wait_ms) for session in sessions]
        return [str(status) for status in (await self.store.release(self.next("release"), items)).statuses]


def reply_of(request_id: str, client_id: str = "alice", status: str = "completed", output: str = "Hi!") -> str:
    """Return a terminal reply as the turn makes it: without seq, the script gives that."""
    reply = {"v": 1, "type": "reply", "requestId": request_id, "clientId": client_id, "swarmName": "support"}
    reply |= {"status": status, "output": output}
    return json.dumps(reply, separators=(",", ":"))


def ended(request_id: str, reply: str, reply_to: str, *, sequenced: bool) -> EndedRequest:
    """Return a request that ends with a commit."""
    return request_id, reply, reply_to, sequenced


def finish(session: ClaimedSession, index: int = 0, **changes: Any) -> list[str]:
    """Return the commit item of a plain turn: the request at `index` of the claim is answered with "Hi!"."""
    source = changes.setdefault("source", Source.MAILBOX)
    waiting = session.control if source is Source.CONTROL else session.requests
    if "requests" not in changes:
        request = waiting[index]
        reply = reply_of(request.request_id, session.client_id)
        changes["requests"] = [ended(request.request_id, reply, request.reply_to, sequenced=True)]
    fields: dict[str, Any] = {
        "sid": session.sid,
        "fence": session.fence,
        "turn": session.turn + index + 1,
        "release": index == len(waiting) - 1,
        "ttl_ms": TTL_MS,
        "records": [RECORD],
    }
    return commit_item(**(fields | changes))


def session_after(claimed: ClaimedSession, *, turns: int = 1, records: Sequence[str] = (RECORD,)) -> Session:
    """Return the session as its holder remembers it after the turns of this claim."""
    session = claimed.kept or Session.load(
        client_id=claimed.client_id,
        swarm_name=claimed.swarm_name,
        default_agent="triage",
        turn=claimed.turn,
        document=claimed.stored.document,
        history=claimed.stored.history,
        banned=claimed.stored.banned,
    )
    session.turn += turns
    session.history = [*session.history, *records]
    return session


class Stage:
    """The shard: pushes requests as any sender does, and reads what the scripts made of them."""

    def __init__(self, redis: "redis_asyncio.Redis[bytes]", url: str, shard: int = 0) -> None:
        self.redis = redis
        self.keys = ShardKeys(NAMESPACE, shard)
        self.url = url
        self._workers: list[StagedWorker] = []

    async def worker(self, worker_id: str, *, shards: int = 1, **limits: int) -> StagedWorker:
        """Return a registered worker."""
        worker = StagedWorker(self.url, self.keys, worker_id, shards=shards, **limits)
        self._workers.append(worker)
        await worker.renew(register=True)
        return worker

    async def close(self) -> None:
        for worker in self._workers:
            await worker.close()

    async def announce(self, swarm_name: str = "support", **settings: Any) -> None:
        """Tell admission of a swarm, as a worker does at start."""
        known = {"when_busy": "enqueue", "throttle_ms": 1000, "max_mailbox": 1000, "has_policies": True}
        await self.redis.hset(self.keys.swarms, swarm_name, json.dumps(known | {"history_window": 4} | settings))

    async def push(self, request_id: str, client_id: str = "alice", kind: str = "execute", **fields: Any) -> bytes:
        """XADD one request; a field given as None is left out."""
        given = {"v": "1", "requestId": request_id, "clientId": client_id, "swarmName": "support", "kind": kind}
        given |= {"body": '{"message":"Hello"}'} | fields
        return await self.redis.xadd(self.keys.requests, {k: v for k, v in given.items() if v is not None})

    async def push_all(self, request_ids: Sequence[str], client_id: str = "alice", **fields: Any) -> None:
        for request_id in request_ids:
            await self.push(request_id, client_id, **fields)

    async def expire_lease(self, worker: StagedWorker) -> None:
        """Let the lease of a worker be over, as if it had died one lease ago."""
        await self.redis.zadd(self.keys.workers, {worker.worker_id: 1})

    async def age(self, worker: StagedWorker) -> None:
        """Let a worker have renewed without a break for longer than one lease."""
        await self.redis.hset(self.keys.ops(worker.worker_id), "since", 1)

    async def reclaim(self, dead: StagedWorker, living: StagedWorker) -> int:
        """Let `living` take back what `dead` held; returns how many sessions."""
        await self.expire_lease(dead)
        await self.age(living)
        return (await living.renew()).reclaimed

    async def session(self, sid: str = SID) -> dict[str, str]:
        found = await self.redis.hgetall(self.keys.session(sid))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def result(self, request_id: str) -> dict[str, Any]:
        return json.loads(await self.redis.get(self.keys.result(request_id)) or "{}")

    async def dead(self) -> list[dict[str, str]]:
        entries = await self.redis.xrange(self.keys.dead)
        return [{name.decode(): value.decode(errors="replace") for name, value in e.items()} for _, e in entries]

    async def reasons(self) -> list[str]:
        return [letter["reason"] for letter in await self.dead()]

    async def outbox(self, sid: str = SID) -> list[dict[str, Any]]:
        return [json.loads(fields[b"data"]) for _, fields in await self.redis.xrange(self.keys.outbox(sid))]

    async def names(self, key: str) -> list[str]:
        """Return the members of a list, zset or set."""
        kind = await self.redis.type(key)
        if kind == b"zset":
            found = await self.redis.zrange(key, 0, -1)
        elif kind == b"set":
            found = sorted(await self.redis.smembers(key))
        else:
            found = await self.redis.lrange(key, 0, -1)
        return [name.decode() for name in found]

    async def keys_of(self, sid: str = SID) -> list[str]:
        return sorted(key.decode() for key in await self.redis.keys("*") if key.decode().endswith(f":{sid}"))


class Ears:
    """Everything that is published from now on."""

    def __init__(self, redis: "redis_asyncio.Redis[bytes]") -> None:
        self._redis = redis
        self._pubsub = redis.pubsub()

    async def open(self) -> None:
        await self._pubsub.psubscribe("*")
        await self._pubsub.get_message(timeout=5)

    async def close(self) -> None:
        await self._pubsub.aclose()

    async def heard(self) -> list[tuple[str, str]]:
        """Return (channel, data) of all since the last call, in order."""
        await self._redis.publish("that-is-all", "")
        found: list[tuple[str, str]] = []
        while True:
            message = await self._pubsub.get_message(timeout=5)
            assert message is not None
            if message["channel"] == b"that-is-all":
                return found
            found.append((message["channel"].decode(), message["data"].decode()))
