"""What `swarmline bench --overload` measures: one client that floods, and a backlog as long as a bad day."""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from worker.bench.actors import Duo, Stage
from worker.bench.app import ECHO, FLOODED
from worker.bench.client import Command
from worker.bench.connection import Connection, connect
from worker.bench.progress import drained, finished
from worker.bench.run import Say, stage_environment
from worker.embedded import EmbeddedServer

OTHERS = 100
OTHERS_IN_FLIGHT = 10
#: a session takes so many waiting requests
MAILBOX = 1000
FAIRNESS_TARGET = 2.0
DRAIN_TARGET = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is piled up."""

    rounds: int
    others: int  # requests of the other clients, in each round
    flood: int  # requests of one client
    backlog: int  # the usual one
    long_backlog: int


FULL = Load(rounds=5, others=5_000, flood=50_000, backlog=50_000, long_backlog=1_000_000)
QUICK = Load(rounds=3, others=1_000, flood=20_000, backlog=20_000, long_backlog=100_000)


@dataclass(slots=True)
class Overload:
    """The figures; times in ms."""

    quiet_p99_ms: list[float] = field(default_factory=list[float])
    flooded_p99_ms: list[float] = field(default_factory=list[float])
    drained_per_s: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def fairness(self) -> float:
        """Return the p99 of others beside a flood, as a multiple of theirs without one."""
        return statistics.median(self.flooded_p99_ms) / statistics.median(self.quiet_p99_ms)

    @property
    def drain_ratio(self) -> float:
        """Return the rate at which the longest backlog drains, as a share of that of the shortest."""
        return self.drained_per_s[max(self.drained_per_s)] / self.drained_per_s[min(self.drained_per_s)]

    def as_dict(self) -> Mapping[str, object]:
        """Return everything for JSON."""
        return {**asdict(self), "fairness": self.fairness, "drain_ratio": self.drain_ratio}

    def table(self) -> str:
        """Return the figures for people."""
        quiet, flooded = statistics.median(self.quiet_p99_ms), statistics.median(self.flooded_p99_ms)
        rates = ", ".join(f"{rate:,.0f}/s of {n:,}" for n, rate in sorted(self.drained_per_s.items()))
        return (
            f"others' p99 beside a flood  {flooded:.1f} ms, quiet {quiet:.1f} ms: {self.fairness:.2f} x"
            f" (target <= {FAIRNESS_TARGET:g})\n"
            f"drain of a long backlog     {rates}: {self.drain_ratio:.2f} x (target >= {DRAIN_TARGET:g})"
        )


async def overload(load: Load, say: Say) -> Overload:
    """Measure both on servers of their own."""
    found = Overload()
    with EmbeddedServer() as server:
        await _flood(Stage(server.url, server.pid, stage_environment()), load, found, say)
    with EmbeddedServer() as server:
        connection = connect(server.url)
        stage = Stage(server.url, server.pid, stage_environment())
        for n in (load.backlog, load.long_backlog):
            say(f"backlog of {n:,}")
            found.drained_per_s[n] = await _drain(connection, stage, n)
        await connection.aclose()
    return found


async def _flood(stage: Stage, load: Load, found: Overload, say: Say) -> None:
    duo, flooder = await Duo.start(stage, "ours"), await stage.start_client("ours")
    others = Command(
        do="closed", n=load.others, swarm=ECHO, prefix="other", sessions=OTHERS, in_flight=OTHERS_IN_FLIGHT
    )
    await duo.client.obey(others)
    for number in range(load.rounds):
        say(f"one client with {load.flood:,} waiting, round {number + 1}")
        quiet = await duo.client.obey(others)
        await flooder.obey(Command(do="enqueue", n=load.flood, swarm=FLOODED, prefix=f"flood{number}", sessions=1))
        flooded = await duo.client.obey(others)
        found.quiet_p99_ms.append(quiet.p99_s * 1e3)
        found.flooded_p99_ms.append(flooded.p99_s * 1e3)
    await flooder.end()
    await duo.end()


async def _drain(connection: Connection, stage: Stage, n: int) -> float:
    client = await stage.start_client("ours")
    start = await finished(connection, "ours")
    sessions = max(1000, n // MAILBOX)
    await client.obey(Command(do="enqueue", n=n, swarm=ECHO, prefix=f"drain{n}", sessions=sessions))
    await client.end()
    worker = await stage.start_worker("ours", events_max="10000000")
    per_s = await drained(connection, "ours", start=start, n=n)
    await worker.end()
    return per_s
