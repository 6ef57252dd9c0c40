"""The wire protocol as a client in any language speaks it: XADD goes in, keys, streams and channels come out.

Every name is spelled out here as the protocol's page gives it, on purpose: these tests stand outside of the house.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub

from tests.helpers.eventually import eventually

#: a reply, an emit, a bus event: whatever is JSON on the wire
Item = dict[str, Any]
Body = Mapping[str, Any] | str | bytes | None

PATIENCE_S = 15


@dataclass(frozen=True)
class Wire:
    """One namespace on one server, seen from one shard."""

    redis: redis_asyncio.Redis
    namespace: str = "swarmline"
    shard: int = 0

    def name(self, rest: str) -> str:
        """Return a key or channel of the shard."""
        return f"{self.namespace}:{{{self.shard}}}:{rest}"

    def client_channel(self, client_id: str, swarm_name: str) -> str:
        """Return the channel with everything meant for the client of one session."""
        return self.name(f"client:{swarm_name}:{client_id}")

    def bus_channel(self, client_id: str) -> str:
        """Return the channel with the bus events of one client."""
        return self.name(f"bus:{client_id}")

    async def push(self, client_id: str, swarm_name: str, kind: str, body: Body = None, **fields: str | int) -> str:
        """Push one request with a plain XADD; `fields` are stream fields by their own names. Return the request id."""
        entry: dict[str, Any] = {"v": 1, "requestId": new_id(), "clientId": client_id, "swarmName": swarm_name}
        entry |= {"kind": kind} | fields
        if body is not None:
            entry["body"] = json.dumps(body) if isinstance(body, Mapping) else body
        await self.push_entry(entry)
        return str(entry["requestId"])

    async def push_entry(self, entry: Mapping[Any, Any]) -> None:
        """Push whatever fields there are."""
        await self.redis.xadd(self.name("requests"), dict(entry))

    async def say(self, client_id: str, swarm_name: str, message: str, **fields: str | int) -> str:
        """Push an execute request; return its id."""
        return await self.push(client_id, swarm_name, "execute", {"message": message}, **fields)

    async def ask(self, client_id: str, swarm_name: str, message: str, **fields: str | int) -> Item:
        """Push an execute request and return its reply."""
        return await self.reply_of(await self.say(client_id, swarm_name, message, **fields))

    async def do(self, client_id: str, swarm_name: str, kind: str, body: Body = None, **fields: str | int) -> Item:
        """Push a request of any kind and return its reply."""
        return await self.reply_of(await self.push(client_id, swarm_name, kind, body, **fields))

    async def result(self, request_id: str) -> Item | None:
        """Return what stands at the result key now: nothing, the marker or the reply."""
        data = await self.redis.get(self.name(f"result:{request_id}"))
        return None if data is None else json.loads(data)

    async def reply_of(self, request_id: str) -> Item:
        """Wait for the terminal reply at the result key."""

        async def replied() -> Item:
            result = await self.result(request_id)
            assert result is not None, f"nothing at the result key of {request_id}"
            assert result["status"] != "accepted", f"{request_id} is still under way"
            return result

        return await eventually(replied, within_s=PATIENCE_S)

    async def accepted(self, request_id: str) -> Item:
        """Wait until a request is admitted; return what stands at its result key."""
        return await eventually(lambda: self.result(request_id), within_s=PATIENCE_S)

    async def outbox(self, client_id: str, swarm_name: str, *, after: str = "-") -> list[Item]:
        """Return the outbox of a session, from an entry id on."""
        entries = await self.redis.xrange(self.name(f"outbox:{swarm_name}:{client_id}"), min=after)
        return [json.loads(fields[b"data"]) for _, fields in entries]

    async def events_of(self, request_id: str) -> list[Item]:
        """Wait for the entry that the turn of a request left in the events stream; return its list of events."""

        async def entry() -> list[Item] | None:
            entries = await self.redis.xrevrange(self.name("events"), count=500)
            lists = (json.loads(fields[b"data"]) for _, fields in entries)
            return next((events for events in lists if events[0].get("requestId") == request_id), None)

        return await eventually(entry, within_s=PATIENCE_S)

    async def dead_letters(self, field: str, value: str) -> list[dict[str, str]]:
        """Wait for dead letters whose original entry had this field with this value."""

        async def letters() -> list[dict[str, str]]:
            entries = await self.redis.xrange(self.name("dead"))
            found = [{text(name): text(value) for name, value in fields.items()} for _, fields in entries]
            return [letter for letter in found if letter.get(f"orig.{field}") == value]

        return await eventually(letters, within_s=PATIENCE_S)

    async def dead_letter(self, request_id: str) -> dict[str, str]:
        """Wait for the one dead letter of a request id."""
        (letter,) = await self.dead_letters("requestId", request_id)
        return letter

    async def keys_of(self, client_id: str) -> list[str]:
        """Return all keys that have the client's id in their name."""
        found = [text(key) async for key in self.redis.scan_iter(count=1000)]
        return sorted(key for key in found if client_id in key)

    @asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator["Listener"]:
        """Subscribe to channels; what comes after this is not missed."""
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe(*channels)
            for _ in channels:
                await pubsub.get_message(timeout=PATIENCE_S)  # the confirmations
            yield Listener(pubsub)

    @asynccontextmanager
    async def watch(self, pattern: str) -> AsyncIterator["Listener"]:
        """Subscribe to a pattern of channels."""
        async with self.redis.pubsub() as pubsub:
            await pubsub.psubscribe(pattern)
            await pubsub.get_message(timeout=PATIENCE_S)
            yield Listener(pubsub)


class Listener:
    """What comes over the channels, in order."""

    def __init__(self, pubsub: PubSub) -> None:
        """Read a subscription that is confirmed."""
        self._pubsub = pubsub

    async def next(self) -> Item:
        """Wait for the next item of any channel."""
        return (await self.next_of())[1]

    async def next_of(self) -> tuple[str, Item]:
        """Wait for the next item; return its channel too."""
        heard = await self._pubsub.get_message(timeout=PATIENCE_S)
        assert heard is not None, f"nothing was published for {PATIENCE_S} s"
        return text(heard["channel"]), json.loads(heard["data"])

    async def until(self, is_last: Callable[[Item], bool]) -> list[Item]:
        """Wait for an item; return it and all that came before."""
        items = [await self.next()]
        while not is_last(items[-1]):
            items.append(await self.next())
        return items

    async def until_reply(self, request_id: str) -> list[Item]:
        """Wait for the reply to a request; return it and all that came before."""
        return await self.until(lambda item: item.get("type") == "reply" and item["requestId"] == request_id)

    async def until_end(self, request_id: str) -> list[Item]:
        """Wait for the event that ends the execution of a request; return it and all that came before."""
        return await self.until(
            lambda item: item.get("type") == "commit-execution-end" and item["requestId"] == request_id
        )


def new_id() -> str:
    """Return a fresh request id."""
    return f"r-{uuid4().hex}"


def text(data: bytes) -> str:
    """Return text as it came over the wire; what is not UTF-8 is kept recognisable."""
    return data.decode(errors="backslashreplace")
