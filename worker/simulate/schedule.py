"""Which fault happens when: drawn from the seed alone, so that a seed replays the same schedule."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from worker.errors import ConfigurationError
from worker.simulate.plan import Plan


class Kind(NamedTuple):
    """One kind of fault: how often it is drawn, and how long it lasts, in leases."""

    weight: int
    least: float
    most: float
    about: str


KINDS = {
    "kill": Kind(6, 0.1, 1.0, "SIGKILL of a worker; another one starts after this long"),
    "freeze": Kind(4, 1.5, 2.5, "SIGSTOP of a worker for longer than its lease"),
    "doze": Kind(2, 0.2, 0.7, "SIGSTOP of a worker for less than its lease"),
    "drain": Kind(3, 0.1, 1.0, "SIGTERM of a worker; another one starts after this long"),
    "join": Kind(1, 2.0, 5.0, "one more worker, which leaves after this long"),
    "redis-kill": Kind(2, 0.1, 1.5, "kill -9 of Redis, and a start from its append-only file"),
    "redis-freeze": Kind(2, 0.3, 2.0, "SIGSTOP of Redis"),
    "client-kill": Kind(3, 0.0, 0.0, "CLIENT KILL of all connections, or of one type"),
    "client-pause": Kind(2, 0.2, 1.5, "CLIENT PAUSE, of writes or of everything"),
    "script-flush": Kind(2, 0.0, 0.0, "SCRIPT FLUSH"),
    "group-destroy": Kind(1, 0.0, 0.0, "XGROUP DESTROY of admission and doorbell"),
    "lose-reply": Kind(4, 0.0, 0.0, "a call is applied, its answer is lost"),
    "delay": Kind(2, 0.5, 2.0, "every answer is late"),
    "black-hole": Kind(2, 0.5, 2.5, "connections stay open and nothing passes"),
    "cut": Kind(2, 0.0, 0.0, "all connections of the proxy are aborted"),
    "partition": Kind(2, 0.5, 2.5, "the network of some workers is taken down in the middle"),
    "poison": Kind(1, 0.0, 0.0, "a request that kills the process that runs it"),
    "rubbish": Kind(2, 0.0, 0.0, "entries on the stream that are no requests"),
    "flood": Kind(1, 0.0, 0.0, "one client sends hundreds of requests at once"),
    "block-loop": Kind(1, 1.0, 2.0, "an agent blocks the event loop"),
    "failover": Kind(2, 0.6, 1.2, "Redis comes back with what a lagging replica had: confirmed writes are lost"),
}
#: it loses what was confirmed, so the promise that nothing is lost does not hold under it
LOSES_CONFIRMED = frozenset({"failover"})
#: these hit workers, or a worker's way to Redis: a request may be started again because of them
HITS_WORKERS = frozenset(
    {"kill", "freeze", "drain", "black-hole", "partition", "delay", "poison", "block-loop", "failover"}
)


class Fault(NamedTuple):
    """One fault of a schedule; `pick` chooses its victim or variety, whatever there is to choose from."""

    at_s: float
    kind: str
    span_s: float
    pick: int

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.at_s:7.2f} s  {self.kind:<13} {self.span_s:5.2f} s  #{self.pick}"


def faults_of(plan: Plan) -> tuple[str, ...]:
    """Return the kinds of faults of a plan; raises ConfigurationError for one that is not known."""
    if plan.every:
        named = tuple(plan.every)
    elif plan.faults is None:
        return tuple(kind for kind in KINDS if kind not in LOSES_CONFIRMED)
    else:
        named = plan.faults
    unknown = sorted(set(named) - KINDS.keys())
    if unknown:
        option = "--every" if plan.every else "--faults"
        raise ConfigurationError(f"{option}: no such fault: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return named


def draw(plan: Plan) -> Sequence[Fault]:
    """Return the schedule of a plan, in the order of time."""
    chance = random.Random(plan.seed)  # noqa: S311 - it must be repeatable, not secret
    kinds = faults_of(plan)
    if plan.every:
        return _by_the_clock(plan, chance)
    weights = [KINDS[kind].weight for kind in kinds]
    schedule: list[Fault] = []
    at_s = 1.0
    while kinds and at_s < plan.duration_s:
        (kind,) = chance.choices(kinds, weights)
        schedule.append(_fault(at_s, kind, plan, chance))
        at_s += plan.pace_s * chance.uniform(0.3, 1.7)
    return schedule


def _by_the_clock(plan: Plan, chance: random.Random) -> Sequence[Fault]:
    times = [
        (number * every_s, kind)
        for kind, every_s in plan.every.items()
        for number in range(1, int(plan.duration_s / every_s) + 1)
    ]
    return [_fault(at_s, kind, plan, chance) for at_s, kind in sorted(times)]


def _fault(at_s: float, kind: str, plan: Plan, chance: random.Random) -> Fault:
    span_s = plan.lease_s * chance.uniform(KINDS[kind].least, KINDS[kind].most)
    return Fault(at_s, kind, span_s, chance.randrange(1000))
