"""What can be seen in a namespace, over all its shards: for the commands and screens of people on call."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from schemas.keyspace import ShardKeys, meta_key, sid_of, split_sid
from schemas.names import PROTOCOL_VERSION, is_client_id, shard_of
from worker.core.cluster_sample import ClusterSample
from worker.core.request import AdmittedRequest
from worker.core.seen import DeadSeen, Flow, SessionSeen, WorkerSeen
from worker.errors import ProtocolMismatch
from worker.store.links import Links
from worker.store.shard_onlooker import ShardOnlooker

T = TypeVar("T")


class Onlooker:
    """Looks at a namespace as it is; writes nothing. Every look raises `QueueUnavailable`, `CommandRefused`."""

    def __init__(self, url: str, namespace: str, *, timeout_s: float = 5.0) -> None:
        """Prepare the connections; `arrive` comes before any look."""
        self._links = Links(url, namespace, timeout_s=timeout_s)
        self._namespace = namespace
        self._shards: list[ShardOnlooker] = []

    @property
    def has_arrived(self) -> bool:
        """Tell whether the namespace was there at the last `arrive`."""
        return bool(self._shards)

    async def arrive(self) -> bool:
        """Read how many shards there are; tell whether the namespace was ever made. Raises `ProtocolMismatch`."""
        protocol, shards = await self._links.meta.command("HMGET", meta_key(self._namespace), "protocol", "shards")
        if protocol is not None and int(protocol) != PROTOCOL_VERSION:
            raise ProtocolMismatch(f"namespace {self._namespace} has protocol {int(protocol)}, not {PROTOCOL_VERSION}")
        count = int(shards or 0)
        if count != len(self._shards):
            keys = [ShardKeys(self._namespace, shard) for shard in range(count)]
            self._shards = [ShardOnlooker(self._links.of(shard), shard) for shard in keys]
        return self.has_arrived

    async def close(self) -> None:
        """Close the connections; the next look opens new ones."""
        await self._links.close()

    async def now_ms(self) -> int:
        """Return the time by Redis' clock, Unix ms."""
        return await self._links.meta.now_ms()

    async def figures(self) -> list[ClusterSample]:
        """Return the figures of each shard, in the order of their numbers."""
        return await self._each(lambda shard: shard.figures())

    async def flows(self, since: Sequence[str]) -> list[Flow]:
        """Return what went through each shard; `since` has the last entry id of the flow before, for each shard."""
        known = [*since, *[""] * (len(self._shards) - len(since))]
        return [await shard.flow(last) for shard, last in zip(self._shards, known, strict=False)]

    async def workers(self, runs_max: int = 10) -> list[WorkerSeen]:
        """Return all workers, each once, with some of the sessions that it holds in any shard."""
        workers: dict[str, WorkerSeen] = {}
        for seen in [worker for shard in await self._each(lambda shard: shard.workers(runs_max)) for worker in shard]:
            known = workers.get(seen.worker_id)
            workers[seen.worker_id] = _joined(known, seen) if known else seen
        return sorted(workers.values(), key=lambda worker: worker.worker_id)

    async def sessions(self, limit: int = 50) -> list[SessionSeen]:
        """Return some sessions of each shard and status, those that need attention first."""
        return [seen for shard in await self._each(lambda shard: shard.sessions(limit)) for seen in shard]

    async def sessions_of_client(self, client_id: str) -> list[SessionSeen]:
        """Return the sessions of one client in all swarms, however many sessions there are."""
        if not (self._shards and is_client_id(client_id)):
            return []
        shard = self._shards[shard_of(client_id, len(self._shards))]
        seen = await shard.sessions_of([sid_of(swarm, client_id) for swarm in await shard.swarms()])
        return [session for session in seen if session.status != "gone" or session.waiting]

    async def waiting_in(self, sid: str, limit: int = 20) -> list[AdmittedRequest]:
        """Return the oldest requests that wait in a session, the one that runs included."""
        _, client_id = split_sid(sid)
        return await self._shards[shard_of(client_id, len(self._shards))].waiting_in(sid, limit)

    async def dead_letters(self, limit: int = 50) -> list[DeadSeen]:
        """Return the newest dead letters of all shards, newest first."""
        letters = [seen for shard in await self._each(lambda shard: shard.dead_letters(limit)) for seen in shard]
        return sorted(letters, key=lambda letter: letter.at_ms, reverse=True)[:limit]

    async def _each(self, look: Callable[[ShardOnlooker], Awaitable[T]]) -> list[T]:
        return [await look(shard) for shard in self._shards]


def _joined(one: WorkerSeen, other: WorkerSeen) -> WorkerSeen:
    """Return a worker as it is seen in two shards; the lease that ends first counts."""
    return replace(
        one,
        lease_end_ms=min(one.lease_end_ms, other.lease_end_ms),
        held=one.held + other.held,
        runs=[*one.runs, *other.runs],
    )
