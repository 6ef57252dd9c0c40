"""What a worker counts and measures, under the names of docs/metrics.md.

Labels hold names of definitions, outcomes and reasons, never a client id: a series per client would flood the
Prometheus server and show who talks to us.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.clock import monotonic
from worker.core.cluster_sample import ClusterSample
from worker.observe.tally import Distribution, Tally, Turns, histogram

PREFIX = "swarmline_"

#: counter without prefix and `_total` -> (labels, help)
COUNTERS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "requests_admitted": ((), "Requests that were taken into a mailbox."),
    "requests_deduplicated": ((), "Requests that were dropped because their id was known."),
    "requests_rejected": (("reason",), "Requests that admission said no to."),
    "requests_dead": (("reason",), "Requests that went to the dead letters."),
    "requests_redelivered": ((), "Claims of a request that was claimed before."),
    "policy_rejections": (("policy", "direction"), "Messages that a policy refused."),
    "sessions_opened": (("swarm",), "Sessions that came to be."),
    "sessions_disposed": (("swarm", "reason"), "Sessions that ended."),
    "sessions_set_aside": ((), "Claims that failed because a key of the session was overwritten."),
    "fenced_writes": ((), "Writes of a late turn that a younger fence kept out."),
    "lease_lost": ((), "Times that this worker lost its lease."),
    "redis_errors": (("op",), "Redis commands that failed or found no server."),
    "events_published": ((), "Bus events that were published."),
    "claim_cycles": ((), "Calls of admit-and-claim that came to an end."),
    "callback_errors": (("callback",), "Callbacks of the application that raised."),
}

#: verdict of admission up to the colon -> counter; what stands behind the colon is its label
VERDICTS = {
    "accepted": "requests_admitted",
    "deduplicated": "requests_deduplicated",
    "rejected": "requests_rejected",
    "dead": "requests_dead",
}

#: OpenTelemetry's advice for messaging, with 30 and 60 s for queues that are behind
WAIT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)
#: doubling from 10 ms to 82 s: a turn takes as long as its model calls
TURN_BUCKETS_S = tuple(round(0.01 * 2**step, 2) for step in range(14))


#: gauge without prefix -> (field of ClusterSample, help)
CLUSTER_GAUGES: Mapping[str, tuple[str, str]] = {
    "stream_length": ("stream_length", "Entries in the requests streams."),
    "stream_lag": ("stream_lag", "Entries that are not yet admitted."),
    "stream_oldest_waiting_seconds": ("oldest_waiting_s", "Age of the request that has waited longest."),
    "workers_live": ("workers_live", "Workers with a lease."),
    "sessions_active": ("sessions_active", "Idle sessions that are kept."),
    "sessions_ready": ("ready", "Sessions that wait for a worker."),
    "sessions_delayed": ("delayed", "Sessions that are set aside for a while."),
    "dead_letters": ("dead", "Dead letters that are kept."),
}


class ClusterGauges(Collector):
    """The last sample of the cluster, shown by the worker that took it, for as long as it is fresh.

    Any worker may take the next sample. One that took none for a while shows nothing, instead of an old figure
    that would be added to, or compared with, the new one of another worker.
    """

    def __init__(self, *, fresh_s: float) -> None:
        """Show a sample for `fresh_s` seconds."""
        self._fresh_s = fresh_s
        self._sample: ClusterSample | None = None
        self._taken_at = 0.0

    def take(self, sample: ClusterSample) -> None:
        """Show this sample from now on."""
        self._taken_at = monotonic()
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge for each figure that is known; none when the sample is old."""
        sample = self._sample
        if sample is None or monotonic() - self._taken_at > self._fresh_s:
            return
        for name, (field, help_text) in CLUSTER_GAUGES.items():
            value = getattr(sample, field)
            if value is not None:
                yield GaugeMetricFamily(PREFIX + name, help_text, value=value)


@dataclass(slots=True)
class Levels:
    """What goes up and down in this process."""

    slots_used: int = 0
    slots_total: int = 0
    loop_lag_s: float = 0.0

    def gauges(self) -> Iterator[Metric]:
        """Yield the gauges of this process."""
        slots = GaugeMetricFamily(PREFIX + "slots", "Places for sessions in this worker.", labels=["state"])
        slots.add_metric(["used"], self.slots_used)
        slots.add_metric(["available"], max(0, self.slots_total - self.slots_used))
        yield slots
        yield GaugeMetricFamily(PREFIX + "inflight", "Sessions that this worker holds.", value=self.slots_used)
        yield GaugeMetricFamily(
            PREFIX + "event_loop_lag_seconds", "How late the event loop last was.", value=self.loop_lag_s
        )


class Metrics(Collector):
    """The counters, histograms and gauges of one worker process; the lane calls its methods."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        build: Mapping[str, str] | None = None,
        wait_buckets_s: tuple[float, ...] | None = None,
        turn_buckets_s: tuple[float, ...] | None = None,
        sample_fresh_s: float = 20.0,
    ) -> None:
        """Register with `registry`, or with a new one.

        `build` becomes the labels of `swarmline_build_info`; bounds of buckets are in seconds, rising. A cluster sample
        is shown for `sample_fresh_s`: three rounds of sampling.
        """
        self.registry = registry or CollectorRegistry()
        self._build = dict(build or {})
        self._tallies = {name: Tally(PREFIX + name, text, labels) for name, (labels, text) in COUNTERS.items()}
        self._levels = Levels()
        self._waits = Distribution(wait_buckets_s or WAIT_BUCKETS_S)
        self._ends = Distribution(wait_buckets_s or WAIT_BUCKETS_S)
        self._turns = Turns(turn_buckets_s or TURN_BUCKETS_S)
        self._cluster = ClusterGauges(fresh_s=sample_fresh_s)
        self.registry.register(self)
        self.registry.register(self._cluster)

    def turn_finished(self, swarm: str, status: str, wait_s: float, duration_s: float) -> None:
        """Count one terminal reply: `wait_s` from admission to claim, `duration_s` from claim to the end."""
        self._turns.of(swarm, status).observe(duration_s)
        self._waits.observe(wait_s)
        self._ends.observe(wait_s + duration_s)

    def admitted(self, verdicts: Mapping[str, int]) -> None:
        """Count the verdicts of one admission: `accepted`, `deduplicated`, `rejected:<code>`, `dead:<reason>`."""
        for verdict, count in verdicts.items():
            head, _, reason = verdict.partition(":")
            self._tallies[VERDICTS[head]].add(*((reason,) if reason else ()), count=count)

    def buried(self, reason: str) -> None:
        """Count a dead letter that a commit wrote."""
        self._tallies["requests_dead"].add(reason)

    def redelivered(self, count: int) -> None:
        """Count claims of requests that had been claimed before."""
        self._tallies["requests_redelivered"].add(count=count)

    def fenced(self, count: int) -> None:
        """Count writes that a younger fence kept out."""
        self._tallies["fenced_writes"].add(count=count)

    def lease_lost(self) -> None:
        """Count a lost lease."""
        self._tallies["lease_lost"].add()

    def redis_error(self, op: str) -> None:
        """Count a failed call of Redis; `op` is the script or the command."""
        self._tallies["redis_errors"].add(op)

    def session_opened(self, swarm: str) -> None:
        """Count a session that came to be."""
        self._tallies["sessions_opened"].add(swarm)

    def session_disposed(self, swarm: str, reason: str) -> None:
        """Count a session that ended; `reason` is ttl, request, force or complete."""
        self._tallies["sessions_disposed"].add(swarm, reason)

    def session_set_aside(self) -> None:
        """Count a session that could not be claimed."""
        self._tallies["sessions_set_aside"].add()

    def policy_refused(self, policy: str, direction: str) -> None:
        """Count a refusal; `direction` is input or output."""
        self._tallies["policy_rejections"].add(policy, direction)

    def events_published(self, count: int) -> None:
        """Count bus events that went out."""
        self._tallies["events_published"].add(count=count)

    def claim_cycle(self) -> None:
        """Count a call of admit-and-claim that came to an end, well or not."""
        self._tallies["claim_cycles"].add()

    def callback_error(self, name: str) -> None:
        """Count a callback of the application that raised."""
        self._tallies["callback_errors"].add(name)

    def slots(self, used: int, total: int) -> None:
        """Show how many sessions this worker holds, of how many at most."""
        self._levels.slots_used, self._levels.slots_total = used, total

    def loop_lag(self, seconds: float) -> None:
        """Show how late the event loop was."""
        self._levels.loop_lag_s = seconds

    def cluster(self, sample: ClusterSample) -> None:
        """Show a sample of the whole cluster."""
        self._cluster.take(sample)

    def collect(self) -> Iterator[Metric]:
        """Yield all families; called by the thread that serves /metrics."""
        yield InfoMetricFamily(PREFIX + "build", "Which Swarmline this is.", value=self._build)
        yield from (tally.family() for tally in self._tallies.values())
        yield from self._levels.gauges()
        yield histogram(PREFIX + "queue_wait_seconds", "From admission to claim.", (), [((), self._waits)])
        yield histogram(PREFIX + "end_to_end_seconds", "From admission to the end.", (), [((), self._ends)])
        yield from self._turns.families(PREFIX)
