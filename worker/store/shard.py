"""The scripts of one shard as methods: what a worker says to Redis on its way from claim to release."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.keyspace import ShardKeys
from worker.core.request import AdmittedRequest
from worker.store.bell import Bell
from worker.store.claims import Claim, NotAnnounced, parse_claim, parse_record
from worker.store.commits import FencedAnswer, HandBack, LiveOutput, parse_fenced
from worker.store.kept import KeptSessions
from worker.store.link import Argument, Link, Wait
from worker.store.noted import Noted
from worker.store.script import load
from worker.store.setup import agree_on_namespace

#: what has a connection of its own
PURPOSES = ("claim", "commit", "flush", "hints", "deltas", "aside")
#: entries that one call admits, unless it says otherwise
BITE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardLimits:
    """Limits and lives that the scripts apply, in ms, bytes and counts."""

    lease_ms: int
    result_ttl_ms: int
    grace_ms: int
    body_max_bytes: int
    history_max: int
    outbox_max: int
    events_max: int
    dead_max: int


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who calls: a worker with an id made afresh at each start, and the swarms it serves.

    `swarms` has their settings that admission needs, as JSON.
    """

    worker_id: str
    swarms: Mapping[str, str]


class ShardStore:
    """One shard of the namespace; each purpose has a connection of its own, and at most one call under way on it."""

    def __init__(self, url: str, keys: ShardKeys, shards: int, identity: WorkerIdentity, limits: ShardLimits) -> None:
        """Prepare the connections; nothing is opened yet."""
        self.keys = keys
        self._url = url
        self._shards = shards
        self._identity = identity
        self._limits = limits
        self._swarms = "".join(f"{name}," for name in identity.swarms)
        (held, ops), who = self._own_keys(), (keys.base, identity.worker_id)
        waiting = (keys.bell, keys.ready, keys.delayed, keys.sessions, keys.workers, keys.suspects, keys.swarms)
        #: what the calls of every request begin with: their keys, and who calls
        self._admits = (keys.requests, *waiting, keys.cursor, keys.dead, held, ops, *who)
        self._claims = (*waiting, held, ops, *who)
        self._commits = (
            keys.workers,
            ops,
            held,
            keys.ready,
            keys.sessions,
            keys.bell,
            keys.dead,
            keys.events,
            keys.bans,
            keys.delayed,
            *who,
        )
        self.kept = KeptSessions()
        self.bell = Bell(url, keys)
        self._links = {name: Link(url, keys.slot) for name in PURPOSES}
        self.noted = Noted(self._links["aside"], keys, identity.worker_id)

    async def close(self) -> None:
        """Close all connections."""
        for link in self._links.values():
            await link.close()
        await self.bell.close()

    async def admit_and_claim(
        self, op_number: int, free_slots: int, suspect_slots: int, *, bite: int = BITE, wait_s: float = 0.0
    ) -> Claim:
        """Admit up to `bite` entries, then claim up to `free_slots` sessions.

        Raises `QueueFull`, `QueueUnavailable`, `NoLease`. With `wait_s` Redis begins at the next sign of work, or after
        so many seconds. `CommandRefused`: it could not wait (a group is missing); the call was made all the same.
        """
        limits = self._limits
        arguments: tuple[Argument, ...] = (
            *self._admits,
            op_number,
            secrets.token_hex(4),
            free_slots,
            suspect_slots,
            limits.lease_ms,
            bite,
            self.keys.shard,
            self._shards,
            limits.body_max_bytes,
            limits.result_ttl_ms,
            limits.dead_max,
            self._swarms,
            self.kept.since_us,
        )
        try:
            behind = self.bell.wait_for_work(wait_s) if wait_s else None
            return await self._call_claim("admit_and_claim", *arguments, behind=behind)
        except NotAnnounced:
            # Redis was emptied since: whoever sends to these swarms must not be told that there are none.
            await self._announce(self._links["claim"])
            return await self._call_claim("admit_and_claim", *arguments)

    async def claim(self, op_number: int, free_slots: int, suspect_slots: int) -> Claim:
        """Claim without admitting anything: what still works while Redis is full."""
        return await self._call_claim(
            "claim",
            *self._claims,
            op_number,
            secrets.token_hex(4),
            free_slots,
            suspect_slots,
            self._limits.lease_ms,
            self._swarms,
            self.kept.since_us,
        )

    async def _call_claim(self, name: str, *arguments: Argument, behind: Wait | None = None) -> Claim:
        link = self._links["claim"]
        claim = parse_claim(await link.call(load(name), *arguments, behind=behind), self.kept)
        if claim.is_partial:
            again = parse_claim(await link.call(load(name), *arguments), self.kept)
            claim = claim._replace(sessions=again.sessions)
        return claim

    async def commit(self, op_number: int, items: Sequence[Sequence[str]]) -> FencedAnswer:
        """Commit what `commit_item` made in one atomic call; raises `QueueUnavailable` (outcome unknown), `NoLease`."""
        limits = self._limits
        arguments: list[Argument] = [
            *self._commits,
            op_number,
            limits.grace_ms,
            limits.result_ttl_ms,
            limits.outbox_max,
            limits.history_max,
            limits.events_max,
            limits.dead_max,
            len(items),
        ]
        for item in items:
            arguments += item
        return parse_fenced(await self._links["commit"].call(load("commit"), *arguments), len(items))

    async def flush(self, op_number: int, outputs: Sequence[LiveOutput]) -> FencedAnswer:
        """Send live output of running turns; raises like `commit`."""
        keys = self.keys
        _, ops = self._own_keys()
        arguments: list[Argument] = [keys.workers, ops, keys.base, self._identity.worker_id, op_number]
        arguments += (self._limits.outbox_max, len(outputs))
        for output in outputs:
            arguments += output.arguments()
        return parse_fenced(await self._links["flush"].call(load("flush"), *arguments), len(outputs))

    async def release(self, op_number: int, items: Sequence[HandBack]) -> FencedAnswer:
        """Hand back sessions whose turn did not end; raises like `commit`."""
        keys = self.keys
        held, ops = self._own_keys()
        arguments: list[Argument] = [keys.workers, ops, held, keys.ready, keys.suspects, keys.bell, keys.delayed]
        arguments += (keys.base, self._identity.worker_id, op_number, len(items))
        for sid, fence, is_charged, wait_ms, is_parked in items:
            arguments += (sid, fence, int(is_charged), wait_ms, int(is_parked))
        return parse_fenced(await self._links["aside"].call(load("release"), *arguments), len(items))

    async def begin_dispose(self, sid: str, fence: str, *, may_call_off: bool) -> str:
        """Begin the disposal of a held session; returns `disposing`, `called_off` or `fenced`."""
        identity = (self.keys.base, self._identity.worker_id)
        flag = "1" if may_call_off else "0"
        answer = await self._links["aside"].call(load("begin_dispose"), self.keys.workers, *identity, sid, fence, flag)
        return answer.decode()

    async def control_of(self, sid: str) -> list[AdmittedRequest]:
        """Read the control requests that wait for a session this worker holds."""
        records = await self._links["aside"].command("LRANGE", self.keys.control(sid), 0, -1)
        return [parse_record(record) for record in records]

    async def mailbox_of(self, sid: str, limit: int = 0) -> list[AdmittedRequest]:
        """Read the requests that wait for a session this worker holds, the oldest `limit` of them (0 = all)."""
        records = await self._links["aside"].command("LRANGE", self.keys.mailbox(sid), 0, limit - 1)
        return [parse_record(record) for record in records]

    async def hints(self) -> AsyncIterator[str]:
        """Yield sids that have control waiting, as admission publishes them; raises `QueueUnavailable`."""
        channel = self.keys.worker_channel(self._identity.worker_id)
        async for sid in self._links["hints"].subscribe(channel):
            yield sid.decode("utf-8", "replace")

    async def publish(self, pieces: Sequence[tuple[str, str]]) -> None:
        """Publish each (channel, data) without any promise, in order: token deltas only."""
        await self._links["deltas"].batch([("PUBLISH", channel, data) for channel, data in pieces])

    async def agree(self) -> None:
        """Create the namespace where it is missing; raises `ProtocolMismatch` when it was made otherwise."""
        await agree_on_namespace(self._url, self.keys.namespace, self._shards)

    async def announce(self) -> None:
        """Tell admission of this worker's swarms."""
        await self._announce(self._links["aside"])

    async def _announce(self, link: Link) -> None:
        flat = [part for pair in self._identity.swarms.items() for part in pair]
        await link.command("HSET", self.keys.swarms, *flat)

    async def deregister(self) -> int:
        """End the lease; returns how many sessions were still held and are given back."""
        _, ops = self._own_keys()
        keys = (self.keys.workers, ops, self.keys.ready, self.keys.suspects, self.keys.bell)
        return await self._links["aside"].call(load("deregister"), *keys, self.keys.base, self._identity.worker_id)

    def _own_keys(self) -> tuple[str, str]:
        worker_id = self._identity.worker_id
        return self.keys.held(worker_id), self.keys.ops(worker_id)
