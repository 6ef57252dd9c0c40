"""Every figure there is: name, labels, what it shows, and how it adds up over several processes.

Labels hold names of definitions, outcomes and reasons, never a client id: a series per client would flood the
Prometheus server and show who talks to us.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, Self

from schemas.dead_letters import DeadReason
from schemas.replies import Status

PREFIX = "swarmline_"

#: OpenTelemetry's advice for messaging, with 30 and 60 s for queues that are behind
WAIT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)
#: doubling from 10 ms to 82 s: a turn takes as long as its model calls
TURN_BUCKETS_S = tuple(round(0.01 * 2**step, 2) for step in range(14))


@dataclass(frozen=True, slots=True)
class Buckets:
    """Upper bounds in seconds: `wait` for what waits and for tools, `turn` for turns and model calls."""

    wait: tuple[float, ...] = WAIT_BUCKETS_S
    turn: tuple[float, ...] = TURN_BUCKETS_S

    @classmethod
    def of_settings(cls, wait: tuple[float, ...] | None, turn: tuple[float, ...] | None) -> Self:
        """Take bounds that may not be set."""
        return cls(wait or WAIT_BUCKETS_S, turn or TURN_BUCKETS_S)

    def of(self, name: str) -> tuple[float, ...]:
        """Return the bounds of a histogram."""
        return self.turn if HISTOGRAMS[name].are_of_turns else self.wait


class Counter(NamedTuple):
    """A counter; its name stands without prefix and `_total`.

    The `known` values of its last label are there from the start, as 0: else nobody sees its first step. The label
    `swarm`, alone or before it, has the swarms that the worker serves.
    """

    labels: tuple[str, ...]
    help: str
    known: tuple[str, ...] = ()

    def from_the_start(self, swarms: Iterable[str]) -> Iterable[tuple[str, ...]]:
        """Return the label values that are shown before anything was counted."""
        match self.labels:
            case ():
                return [()]
            case ("swarm",):
                return [(swarm,) for swarm in swarms]
            case ("swarm", _):
                return product(swarms, self.known)
            case _:
                return [(value,) for value in self.known]


class Histogram(NamedTuple):
    """A histogram of seconds; its name stands without prefix and with `_seconds`."""

    labels: tuple[str, ...]
    help: str
    are_of_turns: bool = False


class ClusterGauge(NamedTuple):
    """A gauge over all shards and workers."""

    #: of ClusterSample
    field: str
    help: str


#: the rarer ones are seen when they fail
CALLS_OF_EVERY_WORKER = ("admit", "claim", "commit", "doorbell", "renew")

COUNTERS: Mapping[str, Counter] = {
    "requests_enqueued": Counter(("swarm", "kind"), "Requests that were taken on."),
    "requests_completed": Counter(("swarm", "outcome"), "Terminal replies; outcome is their status.", tuple(Status)),
    "requests_deduplicated": Counter((), "Requests that were dropped because their id was known."),
    "requests_rejected": Counter(
        ("reason",), "Requests that admission said no to.", ("mailbox_full", "busy", "throttled")
    ),
    "requests_dead": Counter(("reason",), "Requests that went to the dead letters.", tuple(DeadReason)),
    "requests_redelivered": Counter((), "Claims of a request that was claimed before."),
    "policy_rejections": Counter(("policy", "direction"), "Messages that a policy refused."),
    "sessions_opened": Counter(("swarm",), "Sessions that came to be."),
    "sessions_disposed": Counter(("swarm", "reason"), "Sessions that ended.", ("ttl", "request", "force")),
    "turns_retried": Counter(("swarm",), "Turns that were put off after an error that may be gone later."),
    "sessions_set_aside": Counter((), "Claims that failed because a key of the session was overwritten."),
    "handoffs": Counter(("from", "to"), "Changes of the active agent."),
    "model_tokens": Counter(
        ("direction",), "Tokens that models read and wrote, as far as their adapters say.", ("input", "output")
    ),
    "events_published": Counter(
        ("channel",),
        "What committed turns published: bus events, items for clients, replies.",
        ("bus", "client", "reply"),
    ),
    "events_no_subscriber": Counter((), "PUBLISH calls of turns that nobody listened to."),
    "fenced_writes": Counter((), "Writes of a late turn that a younger fence kept out."),
    "lease_lost": Counter((), "Times that a worker lost its lease."),
    "redis_errors": Counter(("op",), "Redis commands that failed or found no server.", CALLS_OF_EVERY_WORKER),
    "claim_cycles": Counter((), "Calls of admit-and-claim that came to an end."),
    "callback_errors": Counter(("callback",), "Callbacks of the application that raised."),
    "process_starts": Counter((), "Worker processes that were started, restarts included."),
    "process_crashes": Counter((), "Worker processes that ended by themselves, and not well."),
}

HISTOGRAMS: Mapping[str, Histogram] = {
    "queue_wait_seconds": Histogram((), "From admission to claim."),
    "end_to_end_seconds": Histogram((), "From admission to the end."),
    "request_duration_seconds": Histogram(
        ("swarm", "outcome"), "From claim to the end of the turn.", are_of_turns=True
    ),
    "time_to_first_emit_seconds": Histogram(("swarm",), "From claim to the first emit or delta.", are_of_turns=True),
    "model_call_duration_seconds": Histogram(("agent", "model", "outcome"), "Calls of models.", are_of_turns=True),
    "tool_duration_seconds": Histogram(("tool", "outcome"), "Calls of tools."),
}

#: gauges of the processes behind one /metrics -> (labels, help)
PROCESS_GAUGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "processes": ((), "Worker processes that run."),
    "slots": (("state",), "Places for sessions."),
    "inflight": ((), "Sessions that are held."),
    "event_loop_lag_seconds": ((), "How late the event loop was, at worst within the last 15 to 30 s."),
    "redis_up": ((), "1 when Redis answers, else 0."),
}

CLUSTER_GAUGES: Mapping[str, ClusterGauge] = {
    "stream_length": ClusterGauge("stream_length", "Entries in the requests streams."),
    "stream_lag": ClusterGauge("stream_lag", "Entries that are not yet admitted."),
    "stream_oldest_waiting_seconds": ClusterGauge("oldest_waiting_s", "Age of the request that has waited longest."),
    "workers_live": ClusterGauge("workers_live", "Workers with a lease."),
    "sessions_active": ClusterGauge("sessions_active", "Idle sessions that are kept."),
    "sessions_held": ClusterGauge("held", "Sessions that a worker holds."),
    "sessions_ready": ClusterGauge("ready", "Sessions that wait for a worker."),
    "sessions_delayed": ClusterGauge("delayed", "Sessions that are set aside for a while."),
    "dead_letters": ClusterGauge("dead", "Dead letters that are kept."),
}
