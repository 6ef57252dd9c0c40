"""Stands for the workers at protocol level: reads requests, writes results, publishes replies, drops repeats."""

import asyncio
import json
from types import TracebackType
from typing import Self

import redis.asyncio as redis_asyncio
from redis.exceptions import RedisError

from schemas.keyspace import DEFAULT_NAMESPACE, ShardKeys, sid_of
from schemas.replies import Accepted, Emit, Reply, Status

BLOCK_MS = 100


class Responder:
    """Answers `execute` with its own message, on one shard."""

    def __init__(self, url: str, *, shard: int = 0) -> None:
        self.keys = ShardKeys(DEFAULT_NAMESPACE, shard)
        #: whether replies are published, or only kept
        self.is_publishing = True
        #: whether requests are answered, or only accepted
        self.is_answering = True
        #: the fields of every entry, repeated ones too
        self.entries: list[dict[str, str]] = []
        self._answered: set[str] = set()
        self._client = redis_asyncio.Redis.from_url(url, client_name="responder")

    @property
    def request_ids(self) -> list[str]:
        """Return the request ids of all entries, repeated ones too."""
        return [fields["requestId"] for fields in self.entries]

    async def __aenter__(self) -> Self:
        """Start to answer."""
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._client.aclose()

    async def _serve(self) -> None:
        last = b"0"
        while True:
            try:
                streams = await self._client.xread({self.keys.requests: last}, count=500, block=BLOCK_MS)
                for entry_id, fields in streams[0][1] if streams else []:
                    await self._take({key.decode(): value.decode() for key, value in fields.items()})
                    last = entry_id
            except (RedisError, OSError):
                await asyncio.sleep(0.01)  # noqa: TID251 - the server is being restarted

    async def _take(self, fields: dict[str, str]) -> None:
        self.entries.append(fields)
        if fields["requestId"] in self._answered:
            return
        if self.is_answering:
            await self.answer(fields)
            self._answered.add(fields["requestId"])
        else:
            await self._client.set(self.keys.result(fields["requestId"]), accepted(fields))

    async def answer(self, fields: dict[str, str]) -> None:
        """Write the result of a request and publish it."""
        reply = reply_to(fields)
        await self._client.set(self.keys.result(fields["requestId"]), reply, ex=300)
        if self.is_publishing and "replyTo" in fields:
            await self._client.publish(fields["replyTo"], reply)


def accepted(fields: dict[str, str]) -> str:
    """Return the marker of a request."""
    marker = Accepted(request_id=fields["requestId"], client_id=fields["clientId"], swarm_name=fields["swarmName"])
    return marker.to_json()


def reply_to(fields: dict[str, str]) -> str:
    """Return the terminal reply that repeats the message."""
    reply = Reply(
        request_id=fields["requestId"],
        client_id=fields["clientId"],
        swarm_name=fields["swarmName"],
        status=Status.COMPLETED,
        output=json.loads(fields["body"]).get("message", ""),
        seq=1,
        agent_name="echo",
        turn=1,
        attempts=1,
        error=None,
        accepted_at_ms=1,
        finished_at_ms=2,
    )
    return reply.to_json()


class Outbox:
    """Sends emits to the client of one session as a worker does: outbox and channel, with a growing seq."""

    def __init__(self, client: redis_asyncio.Redis, client_id: str, swarm_name: str) -> None:
        keys = ShardKeys(DEFAULT_NAMESPACE, 0)
        sid = sid_of(swarm_name, client_id)
        self.channel = keys.client_channel(sid)
        self.key = keys.outbox(sid)
        self.session_key = keys.session(sid)
        self._client = client
        self._name = {"client_id": client_id, "swarm_name": swarm_name}
        self._seq = 1_000

    async def emit(self, text: str, *, is_published: bool = True) -> tuple[int, str]:
        """Send one text, unless told so only to the outbox; returns its seq and entry id."""
        self._seq += 7
        item = Emit(seq=self._seq, data=text, agent_name="echo", request_id="r-1", **self._name).to_json()
        async with self._client.pipeline(transaction=True) as transaction:
            transaction.hset(self.session_key, "status", "held")
            transaction.xadd(self.key, {"data": item})
            if is_published:
                transaction.publish(self.channel, item)
            _, entry_id, *_ = await transaction.execute()
        return self._seq, entry_id.decode()
