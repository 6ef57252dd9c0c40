"""Figures as a Prometheus server reads them."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from worker.core.cluster_sample import ClusterSample
from worker.observe.catalogue import Buckets
from worker.observe.exposition import Exposition
from worker.observe.metrics import Metrics
from worker.observe.sheet import Sheet

SAMPLE = ClusterSample(
    stream_length=7,
    stream_lag=5,
    oldest_waiting_s=1.5,
    workers_live=2,
    sessions_active=10,
    held=8,
    ready=3,
    delayed=4,
    dead=6,
)
BUILD = {"version": "1.2", "protocol": "1"}


def registry_over(sheets: Sequence[Sheet], buckets: Buckets | None = None) -> CollectorRegistry:
    """Return a registry over several processes, whose Redis answers."""
    return Exposition(sheets, buckets=buckets or Buckets(), build=BUILD, redis_ok=lambda: True).registry()


def registry_of(metrics: Metrics) -> CollectorRegistry:
    return registry_over([metrics.sheet], metrics.buckets)


def text_of(metrics: Metrics) -> str:
    return generate_latest(registry_of(metrics)).decode()


def figures(registry: CollectorRegistry) -> dict[str, float]:
    """Return sample name with its labels -> value."""
    return {
        sample.name + "".join(f"[{key}={value}]" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def used(metrics: Metrics) -> Metrics:
    """Touch every figure once."""
    metrics.begin()
    metrics.admitted({"accepted:support:execute": 3, "accepted:support:ban": 1, "deduplicated": 2})
    metrics.admitted({"rejected:mailbox_full": 1, "answered:rejected:support": 1, "dead:malformed": 4})
    metrics.turns_finished("support", "completed", [(0.004, 0.5)])
    metrics.published(3, 2, 1)
    metrics.unheard(4)
    metrics.first_emit("support", 0.02)
    metrics.model_called("triage", "echo", "ok", 0.3)
    metrics.model_tokens("input", 100)
    metrics.tool_called("order_status", "timeout", 0.7)
    metrics.handed_off("triage", "sales")
    metrics.buried("attempts_exhausted")
    metrics.redelivered(2)
    metrics.fenced(3)
    metrics.lease_lost()
    metrics.redis_error("commit")
    metrics.session_opened("support")
    metrics.session_disposed("support", "ttl")
    metrics.session_set_aside()
    metrics.policy_refused("polite", "input")
    metrics.claim_cycle()
    metrics.callback_error("on_dispose")
    metrics.slots(3, 10)
    metrics.loop_lag(0.25)
    metrics.cluster(SAMPLE)
    return metrics
