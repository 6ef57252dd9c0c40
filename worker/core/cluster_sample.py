"""The figures of the whole cluster, as housekeeping samples them."""

from collections.abc import Sequence
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


def joined(samples: Sequence[ClusterSample]) -> ClusterSample:
    """Return the figures of all shards as one sample.

    A worker is registered in every shard, so workers are not added up; the lag is unknown if one shard's is.
    """
    lags = [sample.stream_lag for sample in samples]
    return ClusterSample(
        stream_length=sum(sample.stream_length for sample in samples),
        stream_lag=None if None in lags else sum(lag or 0 for lag in lags),
        oldest_waiting_s=max(sample.oldest_waiting_s for sample in samples),
        workers_live=max(sample.workers_live for sample in samples),
        sessions_active=sum(sample.sessions_active for sample in samples),
        held=sum(sample.held for sample in samples),
        ready=sum(sample.ready for sample in samples),
        delayed=sum(sample.delayed for sample in samples),
        dead=sum(sample.dead for sample in samples),
    )
