"""The processes of a bench: one client and one worker for each of the two systems, all on one server."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from worker.bench.client import Command, Measured
from worker.bench.machine import cpu_s
from worker.embedded.orphans import dying_with_parent

Name = Literal["ours", "bare"]
NAMES: tuple[Name, Name] = ("ours", "bare")
READY_WITHIN_S = 30.0
WITHIN_S = 600.0


class ActorFailedError(Exception):
    """A process of the bench ended or stayed silent; the message says which."""


class Actor:
    """One process that says READY on its standard output when it serves."""

    def __init__(self, title: str, process: Process) -> None:
        """Wrap a process that was just started."""
        self.title = title
        self._process = process
        self.ready_line = ""

    @classmethod
    async def start(cls, title: str, *arguments: str, environment: Mapping[str, str]) -> "Actor":
        """Start `python -m ARGUMENTS` and return when it is ready; raises ActorFailedError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, stdin=PIPE, stdout=PIPE, env=environment, preexec_fn=dying_with_parent()
        )
        actor = cls(title, process)
        while not actor.ready_line.startswith("READY"):
            actor.ready_line = await actor._line(READY_WITHIN_S)
        return actor

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def worker_id(self) -> str:
        """Return the worker id that the READY line names."""
        return next(word.partition("=")[2] for word in self.ready_line.split() if word.startswith("worker_id="))

    async def obey(self, command: Command) -> Measured:
        """Have a client process carry out a command."""
        if self._process.stdin is None:
            raise ActorFailedError(self.title)
        self._process.stdin.write(json.dumps(asdict(command)).encode() + b"\n")
        return Measured(**json.loads(await self._line(WITHIN_S)))

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait until the process is gone."""
        self.send_signal(number)
        await self._process.wait()

    async def _line(self, within_s: float) -> str:
        if self._process.stdout is None:
            raise ActorFailedError(self.title)
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        except TimeoutError:
            raise ActorFailedError(f"{self.title} said nothing for {within_s:g} s") from None
        if not line:
            raise ActorFailedError(f"{self.title} ended with {await self._process.wait()}")
        return line.decode().strip()


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
