"""The figures of the whole cluster, as housekeeping samples them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterSample:
    """Figures of the whole cluster at one moment: of one shard, or the sum over all."""

    stream_length: int
    stream_lag: int | None  # None: Redis can't tell
    oldest_waiting_s: float
    workers_live: int
    sessions_active: int
    held: int
    ready: int
    delayed: int
    dead: int
