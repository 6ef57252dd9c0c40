"""How much is simulated, and with which faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One simulation; the same plan gives the same schedule of faults."""

    seed: int
    duration_s: float = 120.0
    #: kinds of faults, None = all but those that lose what was confirmed
    faults: tuple[str, ...] | None = None
    #: kind of fault -> seconds from one to the next: these come as by a clock, and nothing else is drawn
    every: Mapping[str, float] = field(default_factory=dict[str, float])
    #: seconds between two faults, on average
    pace_s: float = 0.7
    workers: int = 4
    producers: int = 3
    sessions: int = 2000
    #: requests a second, all producers together, whatever comes back
    rate: int = 300
    #: swarm -> weight; see `worker/simulate/app.py`
    traffic: Mapping[str, int] = field(default_factory=lambda: {"chain": 55, "steps": 15, "mixed": 20, "short": 10})
    #: seconds that a request of the load takes in the agent, at most
    longest_turn_s: float = 0.8
    lease_s: float = 1.0
    #: what `python -m` runs as a worker
    worker_command: tuple[str, ...] = ("worker",)
    #: further settings of the workers, by their names in settings.py
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    #: how long to wait, after the last fault, for the next reply, for followers and for rest
    settle_s: float = 60.0
