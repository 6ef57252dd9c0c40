"""How long the sessions of a worker stand still after it was killed, or asked to go."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from producers import Producer
from worker.bench.actors import Actor, Stage
from worker.bench.app import SLOW
from worker.bench.connection import Connection, connect
from worker.bench.progress import StuckError, held_by
from worker.clock import monotonic, sleep
from worker.embedded import EmbeddedServer

LEASE_S = 1.0
SESSIONS = 20
#: requests in each session: a claim hands out at most 16 before others get a turn
DEPTH = 15
LOOK_EVERY_S = 0.002
WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Takeover:
    """Seconds from a signal to a worker until another one held the first, and each, of its sessions."""

    first_s: float
    all_s: float


async def take_over(environment: Mapping[str, str], how: signal.Signals) -> Takeover:
    """Send a signal to a busy worker and watch another one take its sessions.

    The first worker runs a turn in every session and more requests wait behind it; a short lease stands in for the
    usual one. Each call has a server of its own: what is left undone must not meet the next one.
    """
    with EmbeddedServer() as server:
        stage = Stage(server.url, server.pid, environment)
        connection = connect(server.url)
        try:
            return await _watched(connection, stage, how)
        finally:
            await connection.aclose()


async def _watched(connection: Connection, stage: Stage, how: signal.Signals) -> Takeover:
    first = await stage.start_worker("ours", lease_s=str(LEASE_S))
    await _push(stage.url)
    await _until_held(connection, first)
    second = await stage.start_worker("ours", lease_s=str(LEASE_S))
    # A worker takes from others only after it has renewed its own lease for as long as a lease lasts.
    await sleep(LEASE_S + 0.2)
    sids = await held_by(connection, first.worker_id)
    first.send_signal(how)
    takeover = await _until_all_held(connection, second, sids)
    await asyncio.gather(first.end(), second.end())
    return takeover


async def _until_all_held(connection: Connection, worker: Actor, sids: set[bytes]) -> Takeover:
    began = monotonic()
    first_s = 0.0
    seen: set[bytes] = set()
    while not sids <= seen:
        seen |= sids & await held_by(connection, worker.worker_id)
        first_s = first_s or (monotonic() - began if seen else 0.0)
        _give_up_after(began + WITHIN_S, f"{len(sids - seen)} of {len(sids)} sessions were not taken over")
        await sleep(LOOK_EVERY_S)
    return Takeover(first_s, monotonic() - began)


async def _push(url: str) -> None:
    async with Producer(url) as producer:
        sends = [
            producer.send(f"takeover-{number % SESSIONS}", SLOW, "execute", message=f"{number}")
            for number in range(SESSIONS * DEPTH)
        ]
        await asyncio.gather(*sends)


async def _until_held(connection: Connection, worker: Actor) -> None:
    began = monotonic()
    while len(await held_by(connection, worker.worker_id)) < SESSIONS:
        _give_up_after(began + WITHIN_S, "the first worker did not take the sessions")
        await sleep(LOOK_EVERY_S)


def _give_up_after(deadline: float, message: str) -> None:
    if monotonic() > deadline:
        raise StuckError(message)
