"""Watch from outside how far a system has come, through what it leaves in Redis."""

from typing import cast

from schemas.keyspace import DEFAULT_NAMESPACE, ShardKeys
from worker.bench.actors import Name
from worker.bench.bare import STREAM
from worker.bench.connection import Connection
from worker.clock import monotonic, sleep
from worker.errors import SwarmlineError

KEYS = ShardKeys(DEFAULT_NAMESPACE, 0)
LOOK_EVERY_S = 0.02
WITHIN_S = 300.0


class StuckError(SwarmlineError):
    """A system stopped making progress while the bench waited for it."""


async def finished(connection: Connection, name: Name) -> int:
    """Return how many requests a system has finished since the server started."""
    if name == "bare":
        added, length = await _stream(connection, STREAM)
        return added - length  # the bare worker deletes what it has answered
    added, _ = await _stream(connection, KEYS.events)  # one entry for each committed turn
    return added


async def drained(connection: Connection, name: Name, *, start: int, n: int) -> float:
    """Wait until `n` requests beyond `start` are finished; return the rate per second since the first of them."""
    began_at = began_with = 0.0
    deadline = monotonic() + WITHIN_S
    while (done := await finished(connection, name) - start) < n:
        if done > 0 and not began_at:
            began_at, began_with = monotonic(), done
        if monotonic() > deadline:
            raise StuckError(f"{name}: {done} of {n} after {WITHIN_S:g} s")
        await sleep(LOOK_EVERY_S)
    return (n - began_with) / (monotonic() - began_at) if began_at else 0.0


async def held_by(connection: Connection, worker_id: str) -> set[bytes]:
    """Return the sessions that a worker holds."""
    return set(cast("list[bytes]", await connection.execute_command("SMEMBERS", KEYS.held(worker_id))))


async def _stream(connection: Connection, key: str) -> tuple[int, int]:
    if not await connection.execute_command("EXISTS", key):
        return 0, 0
    flat = cast("dict[str, int]", await connection.execute_command("XINFO STREAM", key))
    return flat["entries-added"], flat["length"]
