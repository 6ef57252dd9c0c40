"""The processes behind the demo: a server, unless there is one, two workers, and one that may be killed."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM

from schemas.keyspace import DEFAULT_NAMESPACE, ShardKeys, sid_of
from worker.cli.ending import ending_in_order
from worker.clock import monotonic, sleep
from worker.embedded import EmbeddedServer
from worker.embedded.child import Child, environment_for_children
from worker.store.links import Links

WORKERS = 2
SHOWN_OF_ID = 8
LEASE_S = 2.0
LOOK_EVERY_S = 0.005
LOOK_WITHIN_S = 10.0
#: on a Redis that is not the demo's own its keys stand apart, unless somebody names a namespace
APART = "swarmline-demo"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo runs; `name` is what it says of that."""

    url: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """One worker process."""

    child: Child

    @property
    def worker_id(self) -> str:
        """Return the id of the worker."""
        return self.child.ready["worker_id"]

    @property
    def name(self) -> str:
        """Return the start of the id: enough to tell two workers apart."""
        return self.worker_id[:SHOWN_OF_ID]

    @property
    def metrics_url(self) -> str:
        """Return where the worker shows its metrics."""
        return self.child.ready["metrics"]


@dataclass(slots=True)
class Team:
    """Everything that runs while the demo talks."""

    place: Place
    members: list[Member]
    links: Links
    lost: list[Member] = field(default_factory=list[Member])

    async def kill_holder(self, swarm_name: str, client_id: str, running: asyncio.Task[object]) -> Member | None:
        """Kill the worker that holds a session; return it, or None when `running` ended before one was seen."""
        deadline = monotonic() + LOOK_WITHIN_S
        while not running.done() and monotonic() < deadline:
            for member in self.members:
                if await self._holds(member, sid_of(swarm_name, client_id)):
                    await member.child.end(SIGKILL)
                    self.members.remove(member)
                    self.lost.append(member)
                    return member
            await sleep(LOOK_EVERY_S)
        return None

    async def _holds(self, member: Member, sid: str) -> bool:
        keys = ShardKeys(self.place.namespace, 0)
        return bool(await self.links.of(keys).command("SISMEMBER", keys.held(member.worker_id), sid))


@asynccontextmanager
async def assembled(app: str, place: Place | None = None) -> AsyncGenerator[Team]:
    """Start workers, and a server unless a place is given; hand out the team, and end everything afterwards.

    Raises `QueueUnavailable` when no Redis answers there.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(ending_in_order())
        if place is None:
            server = stack.enter_context(EmbeddedServer())
            place = Place(server.url, DEFAULT_NAMESPACE, f"{server.binary.name} on a private socket")
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swarmline-demo-")))
        links = Links(place.url, place.namespace)
        stack.push_async_callback(links.close)
        await links.meta.command("PING")
        members = await asyncio.gather(*[_start(app, place, logs / f"worker-{n}.log") for n in range(WORKERS)])
        for member in members:
            stack.push_async_callback(member.child.end, SIGTERM)
        yield Team(place, list(members), links)


async def _start(app: str, place: Place, log: Path) -> Member:
    verb = ("worker", "worker", "--app", app, "--metrics-port", "0")
    return Member(await Child.start("worker", *verb, environment=_environment(place), log=log))


def _environment(place: Place) -> dict[str, str]:
    """Return the environment of a worker; an address may have a password in it, so it is no argument of a command."""
    return environment_for_children(
        SWARMLINE_REDIS_URL=place.url,
        SWARMLINE_NAMESPACE=place.namespace,
        SWARMLINE_LEASE_S=str(LEASE_S),
        SWARMLINE_LOG_LEVEL="WARNING",
    )
