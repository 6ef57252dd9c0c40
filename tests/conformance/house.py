"""A real worker in the process of the test, and a client that talks to it over the wire alone."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from schemas.keyspace import ShardKeys
from tests.acceptance.wire import Item, Wire
from tests.conformance.model import Line, Model
from tests.helpers.eventually import eventually
from worker import Agent, App, Swarm, Texts
from worker.lane.observers import Observers
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.settings import Settings
from worker.store.housekeeper import ShardHousekeeper
from worker.wiring import started_worker

#: the words of the swarms of these tests where an answer is missing
SORRY = "Sorry?"


@dataclass(frozen=True)
class Client:
    """One client in one swarm; every request is a plain XADD, every answer is read from keys and channels."""

    wire: Wire
    swarm_name: str
    client_id: str = "alice"

    def named(self, client_id: str) -> "Client":
        """Return another client of the same swarm."""
        return replace(self, client_id=client_id)

    def in_swarm(self, swarm_name: str) -> "Client":
        """Return the same client in another swarm."""
        return replace(self, swarm_name=swarm_name)

    async def push(self, kind: str, *, fields: dict[str, str | int] | None = None, **body: Any) -> str:
        """Push a request and return its id."""
        return await self.wire.push(self.client_id, self.swarm_name, kind, body, **(fields or {}))

    async def do(self, kind: str, *, fields: dict[str, str | int] | None = None, **body: Any) -> Item:
        """Push a request and return its reply."""
        return await self.reply_of(await self.push(kind, fields=fields, **body))

    async def say(self, message: str, **body: Any) -> str:
        """Push a message and return its id."""
        return await self.push("execute", message=message, **body)

    async def ask(self, message: str, **body: Any) -> Item:
        """Push a message and return its reply."""
        return await self.do("execute", message=message, **body)

    async def answer(self, message: str, **body: Any) -> str:
        """Return the answer to a message, which must be `completed`."""
        reply = await self.ask(message, **body)
        assert reply["status"] == "completed", reply
        return str(reply["output"])

    async def reply_of(self, request_id: str) -> Item:
        """Wait for a reply; whatever its kind, it has the shape of the protocol."""
        reply = await self.wire.reply_of(request_id)
        assert (reply["clientId"], reply["swarmName"]) == (self.client_id, self.swarm_name)
        return reply

    async def events_of(self, request_id: str) -> list[Item]:
        """Wait for the bus events of a request, as the events stream has them."""
        return await self.wire.events_of(request_id)

    async def trace_of(self, request_id: str) -> list[str]:
        """Wait for the bus events of a request, each as `source type`."""
        return [f"{event['source']} {event.get('type', '')}".strip() for event in await self.events_of(request_id)]

    async def pushed_by(self, request_id: str) -> list[str]:
        """Wait for the history records of a request, each as `role: content`; the swarm must publish all events."""
        events = [event for event in await self.events_of(request_id) if event.get("type") == "push"]
        records = [event["input"]["message"] for event in events]
        return [f"{record['role']}: {record['content']}" for record in records]


def agent(name: str, *lines: Line, **options: Any) -> Agent:
    """Define an agent whose model says these lines; without any it repeats what the client said."""
    return Agent(name, completion=options.pop("completion", None) or Model(*lines), **options)


def swarm(*agents: Agent, name: str = "support", **options: Any) -> Swarm:
    """Define a swarm; the first agent is the default."""
    options.setdefault("texts", Texts(placeholders=[SORRY]))
    return Swarm(name, agents=agents, default_agent=agents[0].name, **options)


@contextlib.asynccontextmanager
async def working(app: App, redis_url: str, **settings: Any) -> AsyncGenerator[None]:
    """Serve an application in this process, with all that a worker process has but signals and housekeeping."""
    observers = Observers(Metrics(), Health(stall_s=60), lambda *_: None)
    chosen = Settings(redis_url=SecretStr(redis_url), **settings)
    async with started_worker(app, chosen, uuid4().hex[:16], observers) as worker:
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            assert not running.done(), running
            await worker.drain(0, 5)
            running.cancel()
            await asyncio.wait((running,))


async def expire(client: Client, redis_url: str) -> None:
    """Let the TTL of an idle session be over, and sweep."""
    sid = f"{client.swarm_name}:{client.client_id}"

    async def is_idle() -> bool:
        return await client.wire.redis.zadd(client.wire.name("sessions"), {sid: 1}, xx=True, ch=True) == 1

    await eventually(is_idle)
    await sweep(client, redis_url)


async def sweep(client: Client, redis_url: str) -> int:
    """Do what housekeeping does every few seconds; return how many sessions were asked to dispose."""
    keys = ShardKeys(client.wire.namespace, client.wire.shard)
    housekeeper = ShardHousekeeper(redis_url, keys, "test", 10_000)
    try:
        return await housekeeper.sweep()
    finally:
        await housekeeper.close()
