"""What the screen shows at one moment, and what it says of it first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.core.cluster_sample import ClusterSample, joined
from worker.core.seen import DeadSeen, SessionSeen, WorkerSeen
from worker.top.trend import Trend
from worker.top.words import count, duration, rate, share

SLOW_S, VERY_SLOW_S = 10.0, 60.0
FAILING = 0.05


class Pane(StrEnum):
    """A part of the screen; only what the one in front shows is read."""

    OVERVIEW = "overview"
    WORKERS = "workers"
    SESSIONS = "sessions"
    QUEUES = "queues"
    DEAD = "dead"
    EVENTS = "events"


class Mood(StrEnum):
    """How it goes; also the CSS class of the headline."""

    GOOD = "good"
    WORRY = "worry"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at the namespace; of workers, sessions and dead letters only those that its pane shows."""

    pane: Pane
    now_ms: int
    namespace: str
    shards: Sequence[ClusterSample]
    trend: Trend
    workers: Sequence[WorkerSeen] = ()
    sessions: Sequence[SessionSeen] = ()
    dead: Sequence[DeadSeen] = ()
    #: why a pane has nothing to show although there may be something
    denied: str = ""

    @property
    def cluster(self) -> ClusterSample:
        """Return the figures of all shards together."""
        return joined(self.shards)


def headline(view: View) -> str:
    """Return the answer to "how does it go", in one line."""
    if not view.shards:
        return f"no worker has ever started in namespace {view.namespace}"
    cluster, trend = view.cluster, view.trend
    return " · ".join(
        [
            f"{count(cluster.workers_live, 'worker')} consuming",
            f"oldest waiting {duration(cluster.oldest_waiting_s * 1000)}",
            f"{rate(trend.admitted_per_s)} in",
            f"{rate(trend.turns_per_s)} done",
            f"errors {share(trend.failed_share)}",
        ]
    )


def mood(view: View) -> Mood:
    """Return whether a person has to do something."""
    if not view.shards:
        return Mood.WORRY
    cluster, failed = view.cluster, view.trend.failed_share or 0
    if cluster.oldest_waiting_s >= VERY_SLOW_S or (not cluster.workers_live and _waits(cluster)):
        return Mood.BAD
    is_worrying = cluster.oldest_waiting_s >= SLOW_S or not cluster.workers_live or failed >= FAILING
    return Mood.WORRY if is_worrying else Mood.GOOD


def advice(view: View) -> list[str]:
    """Return what to look at or to do, the most urgent first."""
    return [*_advice(view)] or ["Nothing needs attention."]


def _advice(view: View) -> Iterator[str]:
    if not view.shards:
        yield "Start a worker: swarmline worker --app MODULE:ATTR. Another namespace? --namespace NAME."
        return
    cluster = view.cluster
    yield from _urgent(cluster)
    if (failed := view.trend.failed_share or 0) >= FAILING:
        yield f"{share(failed)} of the turns of the last minute failed: see the log of the workers, and 5 Dead."
    if cluster.stream_lag is None:
        yield "Redis can't tell how many requests are not admitted yet: somebody deleted entries of the stream."
    if cluster.delayed:
        yield f"{count(cluster.delayed, 'session')} set aside until a retry is due (3 Sessions, delayed)."
    if cluster.dead:
        yield f"{count(cluster.dead, 'dead letter')} kept (5 Dead)."


def _urgent(cluster: ClusterSample) -> Iterator[str]:
    if not cluster.workers_live:
        waits = f"{count(_waits(cluster), 'request')} or more wait. " if _waits(cluster) else ""
        yield f"Nobody consumes. {waits}Start a worker: swarmline worker --app MODULE:ATTR."
    elif cluster.oldest_waiting_s >= SLOW_S and cluster.held:
        yield "Requests wait although workers run: are their slots used up (3 Sessions, held)? Then add workers."
    elif cluster.oldest_waiting_s >= SLOW_S:
        yield "Requests wait and nobody takes them: does a worker serve their swarm (3 Sessions, ready)?"


def _waits(cluster: ClusterSample) -> int:
    return (cluster.stream_lag or 0) + cluster.ready
