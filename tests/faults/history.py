"""Load on many sessions over plain XADD, and the checker that goes over what came back."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import redis.asyncio as redis_asyncio
from redis.exceptions import RedisError

from schemas.keyspace import ShardKeys
from tests.faults.app import proof_of
from tests.helpers.eventually import eventually

KEYS = ShardKeys("swarmline", 0)
SWARM = "proof"


@dataclass
class Load:
    """Requests in order per session; each is sent until Redis has said that it took it, under the same id."""

    url: str
    sessions: int
    requests: int
    sent: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def run(self) -> None:
        """Send everything; the sessions take turns, so all of them are busy all the time."""
        client = redis_asyncio.Redis.from_url(self.url, socket_timeout=1)
        try:
            for number in range(self.requests):
                for session in range(self.sessions):
                    await self._send(client, f"c{session}", f"c{session}-{number}")
        finally:
            await client.aclose()

    async def _send(self, client: "redis_asyncio.Redis[bytes]", client_id: str, request_id: str) -> None:
        self.sent.setdefault(client_id, []).append(request_id)
        fields = {"v": "1", "requestId": request_id, "clientId": client_id, "swarmName": SWARM, "kind": "execute"}

        async def taken() -> bool:
            try:
                return bool(await client.xadd(KEYS.requests, {**fields, "body": json.dumps({"message": request_id})}))
            except (RedisError, OSError):
                return False  # outcome unknown: the same id again is harmless

        await eventually(taken, within_s=30)

    async def answered(self, *, within_s: float) -> None:
        """Wait until every request has its terminal reply."""
        client = redis_asyncio.Redis.from_url(self.url, socket_timeout=1)
        names = [KEYS.result(request_id) for ids in self.sent.values() for request_id in ids]

        async def all_done() -> bool:
            try:
                replies = await client.mget(names)
            except (RedisError, OSError):
                return False
            open_ones = [
                name for name, reply in zip(names, replies, strict=True) if not reply or b'"reply"' not in reply
            ]
            assert not open_ones, f"{len(open_ones)} without a reply, first {open_ones[:3]}"
            return True

        try:
            await eventually(all_done, within_s=within_s)
        finally:
            await client.aclose()


async def faults_of(load: Load) -> list[str]:
    """Return what went wrong, one sentence each: lost, doubled, out of order, or a state that no order explains."""
    client = redis_asyncio.Redis.from_url(load.url)
    found: list[str] = []
    for client_id, request_ids in load.sent.items():
        entries = await client.xrange(KEYS.outbox(f"{SWARM}:{client_id}"))
        replies = [json.loads(fields[b"data"]) for _, fields in entries]
        found += _faults_of_session(client_id, request_ids, replies)
        held = await client.hget(KEYS.session(f"{SWARM}:{client_id}"), "status")
        if held != b"idle":
            found.append(f"{client_id} ends {held!r}, not idle")
    await client.aclose()
    return found


def _faults_of_session(client_id: str, request_ids: list[str], replies: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    counts = Counter(reply["requestId"] for reply in replies)
    found += [f"{request_id} was answered {times} times" for request_id, times in counts.items() if times > 1]
    found += [f"{request_id} was never answered" for request_id in request_ids if request_id not in counts]
    if [reply["requestId"] for reply in replies] != request_ids:
        found.append(f"{client_id} was answered out of order")
    if [reply["turn"] for reply in replies] != list(range(1, len(request_ids) + 1)):
        found.append(f"{client_id} has turns {[reply['turn'] for reply in replies]}")
    if any(late["seq"] <= early["seq"] for early, late in pairwise(replies)):
        found.append(f"{client_id} has a seq that does not grow")
    for number, reply in enumerate(replies, start=1):
        if reply["status"] != "completed" or reply["output"] != proof_of(request_ids[:number]):
            found.append(f"{reply['requestId']} is {reply['status']} with a state that no order explains")
    return found


async def checked(load: Load, *, within_s: float = 60) -> None:
    """Wait for all replies, then fail with everything that the checker found."""
    await load.answered(within_s=within_s)

    async def clean() -> bool:
        faults = await faults_of(load)
        assert not faults, "\n".join(faults[:20])
        return True

    await eventually(clean, within_s=5)  # the last sessions may still be on their way to idle


async def together(load: Load, trouble: "asyncio.Task[None]") -> None:
    """Send the load while the trouble goes on; the trouble ends with the load."""
    await load.run()
    trouble.cancel()
    await asyncio.wait((trouble,))
