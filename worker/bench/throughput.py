"""Loads that ours and the bare loop carry in turns: closed loops, one hot session, enqueue only, drain."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.bench.actors import Duo, Name
from worker.bench.app import ECHO
from worker.bench.client import Command
from worker.bench.connection import Connection
from worker.bench.plan import Plan
from worker.bench.progress import drained, finished
from worker.bench.samples import Sample, Samples

HOT_IN_FLIGHT = 100


@dataclass(frozen=True, slots=True)
class Load:
    """A named command."""

    name: str
    command: Command


def closed(name: str, n: int, in_flight: int, *, sessions: int = 1000, prefix: str = "client") -> Load:
    """Return a load that keeps `in_flight` requests under way and sends the next when an answer has come."""
    command = Command(do="closed", n=n, swarm=ECHO, prefix=prefix, sessions=sessions, in_flight=in_flight)
    return Load(name, command)


def closed_loops(plan: Plan) -> list[Load]:
    """Return the closed loops of a bench."""
    return [
        closed("1 in flight", plan.alone, 1, sessions=plan.sessions),
        closed("100 in flight", plan.hundred, 100, sessions=plan.sessions),
        closed("1,000 in flight", plan.thousand, 1000, sessions=plan.sessions),
        closed("one hot session", plan.hot, HOT_IN_FLIGHT, sessions=1, prefix="hot"),
    ]


async def warm_up(duo: Duo, plan: Plan) -> None:
    """Touch every session and let caches, pools and allocators settle."""
    for in_flight in (1, 100, 1000):
        load = closed("warm-up", min(4 * plan.sessions, plan.thousand), in_flight, sessions=plan.sessions)
        await duo.client.obey(load.command if in_flight > 1 else closed("first", 50, 1).command)


async def carry(duo: Duo, load: Load, samples: Samples) -> None:
    """Carry a load once and keep what it measured."""
    measured, cost = await duo.run(load.command)
    samples.add(Sample.of(load.name, duo.name, measured, cost))


async def take_turns(duos: Sequence[Duo], loads: Sequence[Load], rounds: int, samples: Samples) -> None:
    """Carry every load on each system, back to back, so that both see the same moment of a noisy machine."""
    for number in range(rounds):
        for load in loads:
            for duo in duos if number % 2 else reversed(duos):
                await carry(duo, load, samples)


async def fill_and_drain(connection: Connection, duos: Mapping[Name, Duo], plan: Plan, samples: Samples) -> None:
    """Enqueue a backlog while no worker runs, then start one and take the rate at which the backlog goes down."""
    command = Command(do="enqueue", n=plan.backlog, swarm=ECHO, prefix="client", sessions=plan.sessions)
    for _ in range(plan.drains):
        for name, duo in duos.items():
            await duo.worker.end(signal.SIGTERM if name == "ours" else signal.SIGKILL)
            start = await finished(connection, name)
            measured, cost = await duo.run(command)
            samples.add(Sample.of("enqueue only", name, measured, cost))
            duo.worker = await duo.stage.start_worker(name)
            per_s = await drained(connection, name, start=start, n=plan.backlog)
            samples.add(Sample(load="drain", system=name, per_s=per_s))
