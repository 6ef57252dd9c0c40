"""The client process: takes one command a line from standard input, drives one system, answers with one line."""

import asyncio
import itertools
import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Protocol

import uvloop

from worker.bench.app import PREFIX
from worker.clock import monotonic, sleep

PADDING = "x" * 90
#: pipelines under way at once when nothing is waited for
ENQUEUE_LANES = 10
BATCH = 100
#: what is due so soon is sent now
PACE_S = 0.002
Request = tuple[str, str, str]


class System(Protocol):
    """A client of the system under test; there are two: ours and the bare loop."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def call(self, client_id: str, swarm_name: str, message: str) -> str:
        """Send a request and return its answer."""
        ...

    async def enqueue(self, requests: list[Request]) -> None:
        """Send requests and wait for no answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the client process should do: `n` requests over `sessions` sessions named after `prefix`."""

    #: "closed": wait for each answer, `in_flight` at a time; "paced": send `rate` a second whatever comes back;
    #: "enqueue": only send
    do: str
    n: int
    swarm: str
    prefix: str
    sessions: int = 1000
    in_flight: int = 1
    rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of a command; times in seconds."""

    n: int
    bad: int
    seconds: float
    p50_s: float
    p99_s: float
    fault: str = ""


def requests_of(command: Command) -> Iterator[Request]:
    """Yield the requests of a command; neighbours belong to different sessions."""
    for number in range(command.n):
        yield f"{command.prefix}-{number % command.sessions:06d}", command.swarm, f"M{number:08d}:{PADDING}"


class Run:
    """One command under way."""

    def __init__(self, system: System, command: Command) -> None:
        """Prepare to run `command` on `system`."""
        self._system = system
        self._command = command
        self._latencies_s: list[float] = []
        self._bad = 0
        self._fault = ""

    async def measure(self) -> Measured:
        """Carry the command out."""
        work = requests_of(self._command)
        started = monotonic()
        if self._command.do == "enqueue":
            await asyncio.gather(*[self._send(work) for _ in range(ENQUEUE_LANES)])
        elif self._command.do == "paced":
            await self._pace(work, started)
        else:
            await asyncio.gather(*[self._converse(work) for _ in range(self._command.in_flight)])
        return self._measured(monotonic() - started)

    async def _converse(self, work: Iterator[Request]) -> None:
        for request in work:
            await self._call(request, monotonic())

    async def _pace(self, work: Iterator[Request], started: float) -> None:
        async with asyncio.TaskGroup() as calls:
            for number, request in enumerate(work):
                due = started + number / self._command.rate
                if due - monotonic() > PACE_S:
                    await sleep(due - monotonic())
                calls.create_task(self._call(request, due))

    async def _call(self, request: Request, started: float) -> None:
        try:
            answer = await self._system.call(*request)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is counted and reported
            answer = ""
            self._fault = self._fault or f"{type(error).__name__}: {error}"
        self._latencies_s.append(monotonic() - started)
        self._bad += answer != PREFIX + request[2]

    async def _send(self, work: Iterator[Request]) -> None:
        while batch := list(itertools.islice(work, BATCH)):
            await self._system.enqueue(batch)

    def _measured(self, seconds: float) -> Measured:
        times = sorted(self._latencies_s) or [0.0]
        cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
        return Measured(
            n=self._command.n,
            bad=self._bad,
            seconds=seconds,
            p50_s=cuts[49],
            p99_s=cuts[98],
            fault=self._fault,
        )


async def obey(system: System) -> None:
    """Carry out commands until standard input ends."""
    await system.open()
    say("READY")
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        measured = await Run(system, Command(**json.loads(line))).measure()
        say(json.dumps(asdict(measured)))
    await system.close()


def say(line: str) -> None:
    """Print one line for the parent process."""
    print(line, flush=True)  # noqa: T201 - the parent reads it


def main(name: str, url: str) -> None:
    """Obey as the client `bare` or `ours` of the server at `url`."""
    with suppress(KeyboardInterrupt):
        uvloop.run(obey(_client_of(name, url)))


def _client_of(name: str, url: str) -> System:
    if name == "bare":
        from worker.bench.bare import BareClient  # noqa: PLC0415 - a process loads the side that it plays

        return BareClient(url)
    from worker.bench.ours import OurClient  # noqa: PLC0415 - the same

    return OurClient(url)
