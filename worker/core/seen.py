"""What an onlooker sees of the cluster at one moment: plain values, for commands and screens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.core.request import AdmittedRequest


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """One session; `due_at_ms` is when an idle one expires, or when a delayed one is tried again (0 = neither)."""

    sid: str
    status: str  # idle, ready, held, delayed, disposing; `damaged` when its key can't be read, `gone` without one
    holder: str = ""
    attempts: int = 0
    turn: int = 0
    waiting: int = 0
    head: AdmittedRequest | None = None
    due_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker; `runs` are some of the sessions that it holds, `held` is how many there are."""

    worker_id: str
    lease_end_ms: int
    held: int
    runs: Sequence[SessionSeen] = ()


@dataclass(frozen=True, slots=True)
class DeadSeen:
    """One dead letter; fields that it lacks are empty."""

    shard: int
    entry_id: str
    reason: str
    error: str
    attempts: int
    at_ms: int
    original: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Flow:
    """What went through a shard: totals that only grow, and how the newest turns ended, as (Unix ms, status).

    `committed` is None where the events stream is switched off or has no entry, `endings` where it may not be read.
    """

    admitted: int
    committed: int | None
    last_entry_id: str
    endings: Sequence[tuple[int, str]] | None = ()
