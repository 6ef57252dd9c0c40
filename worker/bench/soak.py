"""What `swarmline bench --soak` measures: whether anything grows in a worker and in Redis that runs for long."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from worker.bench.actors import Duo, Stage
from worker.bench.app import SOAKED
from worker.bench.client import Command, Measured
from worker.bench.connection import Connection, connect
from worker.bench.run import Say, stage_environment
from worker.clock import monotonic
from worker.embedded import EmbeddedServer

#: share of what it can do at most that the worker is given
LOAD = 0.5
#: sessions of one stretch; the next one has others, so that these end by their TTL
SESSIONS = 5_000
#: requests that find out how much that is
CALIBRATION = 20_000
STRETCH_S = 10.0
#: shares of the time: before that caches fill and pools grow, which is no leak
WARM_UP = 0.2
#: short lives, so that sessions, replies and events come and go many times
SETTINGS = {"result_ttl_s": "10", "session_grace_s": "60", "events_max": "1000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What there was at one moment; sizes in MiB."""

    at_s: float
    worker_mib: float
    worker_files: int
    worker_threads: int
    redis_mib: float
    keys: int
    connections: int


LEVELS = ("worker_mib", "worker_files", "worker_threads", "redis_mib", "keys", "connections")


@dataclass(slots=True)
class Soak:
    """The figures; waiting times in ms, of an open loop: from when a request was due."""

    rate: float = 0.0
    requests: int = 0
    bad: int = 0
    p50_ms: list[float] = field(default_factory=list[float])
    p99_ms: list[float] = field(default_factory=list[float])
    levels: list[Level] = field(default_factory=list[Level])

    def add(self, measured: Measured) -> None:
        """Take in one stretch of load."""
        self.requests += measured.n
        self.bad += measured.bad
        self.p50_ms.append(measured.p50_s * 1e3)
        self.p99_ms.append(measured.p99_s * 1e3)

    @property
    def settled(self) -> Sequence[Level]:
        """Return the levels after the warm-up."""
        return self.levels[int(len(self.levels) * WARM_UP) :]

    def slope(self, name: str) -> float:
        """Return how much a level grows in an hour, by the straight line that fits best; 0.0 for too few levels."""
        if len(self.settled) < 2:  # noqa: PLR2004 - a line needs two
            return 0.0
        times = [level.at_s for level in self.settled]
        return statistics.linear_regression(times, [getattr(level, name) for level in self.settled]).slope * 3600

    def as_dict(self) -> Mapping[str, object]:
        """Return everything for JSON."""
        return {**asdict(self), "slopes": {name: self.slope(name) for name in LEVELS}}

    def table(self) -> str:
        """Return the figures for people."""
        if not self.settled:
            return "too short to tell"
        head = (
            f"{self.requests:,} requests at {self.rate:,.0f}/s, {self.bad} of them wrong;"
            f" p50 {statistics.median(self.p50_ms):.1f} ms, p99 {statistics.median(self.p99_ms):.1f} ms\n"
        )
        first, last = self.settled[0], self.settled[-1]
        rows = [
            f"{name:<15} {getattr(first, name):>9,.1f} {getattr(last, name):>9,.1f} {self.slope(name):>+9,.2f} an hour"
            for name in LEVELS
        ]
        return head + "\n".join((f"{'':<15} {'warmed up':>9} {'end':>9}", *rows))


async def soak(minutes: float, say: Say) -> Soak:
    """Keep one worker at half load on a server of its own, and look at what it takes every ten seconds."""
    found = Soak()
    with EmbeddedServer() as server:
        connection = connect(server.url)
        stage = Stage(server.url, server.pid, stage_environment())
        duo = Duo(stage, "ours", await stage.start_worker("ours", **SETTINGS), await stage.start_client("ours"))
        found.rate = LOAD * await _most(duo)
        say(f"{minutes:g} minutes at {found.rate:,.0f} requests/s")
        began = monotonic()
        while monotonic() - began < minutes * 60:
            n = max(1, int(found.rate * STRETCH_S))
            prefix = f"soak{len(found.levels)}"
            found.add(await duo.client.obey(_command("paced", n, prefix=prefix, rate=found.rate)))
            found.levels.append(await _level(connection, duo, monotonic() - began))
        await duo.end()
        await connection.aclose()
    return found


def _command(do: str, n: int, *, prefix: str = "soak", in_flight: int = 1, rate: float = 0.0) -> Command:
    return Command(do=do, n=n, swarm=SOAKED, prefix=prefix, sessions=SESSIONS, in_flight=in_flight, rate=rate)


async def _most(duo: Duo) -> float:
    """Return how many requests a second the worker can do."""
    await duo.client.obey(_command("closed", CALIBRATION, in_flight=100))
    measured = await duo.client.obey(_command("closed", CALIBRATION, in_flight=100))
    return measured.n / measured.seconds


async def _level(connection: Connection, duo: Duo, at_s: float) -> Level:
    memory, clients = await connection.info("memory"), await connection.info("clients")
    process = Path(f"/proc/{duo.worker.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Level(
        at_s=at_s,
        worker_mib=int(status["VmRSS"].split()[0]) / 1024,
        worker_files=len(list((process / "fd").iterdir())),
        worker_threads=int(status["Threads"]),
        redis_mib=int(memory["used_memory"]) / 2**20,
        keys=cast("int", await connection.execute_command("DBSIZE")),
        connections=int(clients["connected_clients"]),
    )
