"""What sessions cost: memory while idle, and time when there are many of them or when their histories are long."""

from dataclasses import asdict, dataclass
from typing import cast

from worker.bench.actors import Duo
from worker.bench.connection import Connection
from worker.bench.plan import Plan
from worker.bench.progress import KEYS
from worker.bench.samples import Samples
from worker.bench.throughput import carry, closed

SCAN_COUNT = 1000
IN_FLIGHT = 100
#: as many turns go before a round of short histories, and as many are measured
TURNS_OF_SHORT_HISTORY = 5


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of Redis memory for each idle session after one turn."""

    everything: float
    without_results: float  # the reply keys live for the result TTL only
    session_alone: float  # without the capped events stream as well, which all sessions share

    def as_dict(self) -> dict[str, float]:
        """Return the figures for the JSON report."""
        return asdict(self)


async def weigh(connection: Connection, duo: Duo, plan: Plan) -> Weight:
    """Take one turn in each of many new sessions and weigh what stays in Redis."""
    n = plan.idle_sessions
    await _drop_results(connection)
    before, shared_before = await _used_bytes(connection), await _shared_bytes(connection)
    await duo.client.obey(closed("idle", n, IN_FLIGHT, sessions=n, prefix="idle").command)
    with_results = await _used_bytes(connection)
    await _drop_results(connection)
    without = await _used_bytes(connection)
    shared = await _shared_bytes(connection) - shared_before
    return Weight((with_results - before) / n, (without - before) / n, (without - before - shared) / n)


async def compare_populations(few: Duo, many: Duo, plan: Plan, samples: Samples) -> None:
    """Carry the same load on a server with few live sessions and on one with many, in turns."""
    loads = (
        (few, closed("few live sessions", plan.hundred, IN_FLIGHT, sessions=plan.few_live, prefix="live")),
        (many, closed("many live sessions", plan.hundred, IN_FLIGHT, sessions=plan.many_live, prefix="live")),
    )
    for duo, load in loads:
        await duo.client.obey(
            closed("populate", load.command.sessions, 1000, sessions=load.command.sessions, prefix="live").command
        )
    for number in range(plan.rounds):
        for duo, load in loads if number % 2 else reversed(loads):
            await carry(duo, load, samples)


async def compare_histories(duo: Duo, plan: Plan, samples: Samples) -> None:
    """Carry the same load over sessions with short histories and over ones with long histories, in turns."""
    sessions = plan.history_sessions
    n = sessions * TURNS_OF_SHORT_HISTORY
    turns = plan.long_history // 2
    await duo.client.obey(closed("grow", sessions * turns, IN_FLIGHT, sessions=sessions, prefix="long").command)
    long = closed("long histories", n, IN_FLIGHT, sessions=sessions, prefix="long")
    for number in range(plan.rounds * 2):
        short = closed("short histories", n, IN_FLIGHT, sessions=sessions, prefix=f"short{number}")
        await duo.client.obey(short.command)
        for load in (long, short) if number % 2 else (short, long):
            await carry(duo, load, samples)


async def _used_bytes(connection: Connection) -> int:
    memory = await connection.info("memory")
    return int(memory["used_memory"]) - int(memory["mem_clients_normal"])


async def _shared_bytes(connection: Connection) -> int:
    sizes = [
        await connection.execute_command("MEMORY USAGE", key, "SAMPLES", 0) for key in (KEYS.events, KEYS.requests)
    ]
    return sum(cast("int", size or 0) for size in sizes)


async def _drop_results(connection: Connection) -> None:
    cursor = 0
    # The braces of the hash tag are plain characters for MATCH.
    while True:
        answer = await connection.execute_command("SCAN", cursor, "MATCH", KEYS.result("*"), "COUNT", SCAN_COUNT)
        cursor, found = cast("tuple[int, list[bytes]]", answer)
        if found:
            await connection.execute_command("DEL", *[key.decode() for key in found])
        if not cursor:
            return
