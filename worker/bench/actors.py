"""The processes of a bench: one client and one worker for each of the two systems, all on one server."""

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from worker.bench.client import Command, Measured
from worker.bench.machine import cpu_s
from worker.embedded.child import Child

Name = Literal["ours", "bare"]
NAMES: tuple[Name, Name] = ("ours", "bare")
WITHIN_S = 600.0


class Actor(Child):
    """One process of the bench."""

    @property
    def worker_id(self) -> str:
        """Return the worker id that the READY line of a worker names."""
        return self.ready["worker_id"]

    async def obey(self, command: Command) -> Measured:
        """Have a client process carry out a command."""
        return Measured(**json.loads(await self.ask(json.dumps(asdict(command)), within_s=WITHIN_S)))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the actors play: the server, and the environment that they are started in."""

    url: str
    server_pid: int
    environment: Mapping[str, str]

    async def start_client(self, name: Name) -> Actor:
        """Start the client process of a system."""
        return await self._start(f"client of {name}", "worker.bench", "client", name, self.url)

    async def start_worker(self, name: Name, **settings: str) -> Actor:
        """Start the worker process of a system; `settings` are those of a worker, such as `lease_s`."""
        if name == "bare":
            return await self._start("worker of bare", "worker.bench", "bare-worker", self.url)
        command = ("worker", "worker", "--app", "worker.bench.app:app", "--redis-url", self.url, "--metrics-port", "0")
        return await self._start("worker of ours", *command, **settings)

    async def _start(self, title: str, *arguments: str, **settings: str) -> Actor:
        own = {f"SWARMLINE_{name.upper()}": value for name, value in settings.items()}
        return await Actor.start(title, *arguments, environment={**self.environment, **own})


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds of the three processes that carry a request."""

    worker_s: float
    server_s: float
    client_s: float


@dataclass(slots=True)
class Duo:
    """Worker and client of one system."""

    stage: Stage
    name: Name
    worker: Actor
    client: Actor

    @classmethod
    async def start(cls, stage: Stage, name: Name) -> "Duo":
        """Start both."""
        return cls(stage, name, await stage.start_worker(name), await stage.start_client(name))

    async def run(self, command: Command) -> tuple[Measured, Cost]:
        """Carry out a command and return what it measured and what it cost."""
        before = self._clocks()
        measured = await self.client.obey(command)
        worker_s, server_s, client_s = (late - early for early, late in zip(before, self._clocks(), strict=True))
        return measured, Cost(worker_s, server_s, client_s)

    async def end(self) -> None:
        """End both."""
        await self.client.end()
        await self.worker.end(signal.SIGTERM if self.name == "ours" else signal.SIGKILL)

    def _clocks(self) -> tuple[float, float, float]:
        return cpu_s(self.worker.pid), cpu_s(self.stage.server_pid), cpu_s(self.client.pid)
