"""Every figure has its method, its name and its place in the documentation."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.observe.scraping import SAMPLE, figures, registry_of, text_of, used
from worker.observe import levels as levels_module
from worker.observe.catalogue import COUNTERS, HISTOGRAMS, Buckets
from worker.observe.metrics import Metrics

#: what counts things and has no unit
COUNTS = {"slots", "inflight", "processes", "redis_up", "stream_length", "stream_lag", "workers_live", "dead_letters"}
COUNTS |= {"sessions_active", "sessions_held", "sessions_ready", "sessions_delayed"}
#: name and the cell with type and labels
ROW = re.compile(r"^\| `(swarmline_\w+)` \| ([^|]+) \|", re.MULTILINE)
UNITS = re.compile(r"_(total|seconds|bytes|info)$")


def scrape(metrics: Metrics) -> dict[str, float]:
    return figures(registry_of(metrics))


def test_each_method_moves_its_figure() -> None:
    seen = scrape(used(Metrics()))
    expected = {
        "swarmline_build_info[protocol=1][version=1.2]": 1,
        "swarmline_requests_enqueued_total[kind=execute][swarm=support]": 3,
        "swarmline_requests_enqueued_total[kind=ban][swarm=support]": 1,
        "swarmline_requests_completed_total[outcome=rejected][swarm=support]": 1,
        "swarmline_requests_deduplicated_total": 2,
        "swarmline_requests_rejected_total[reason=mailbox_full]": 1,
        "swarmline_requests_dead_total[reason=malformed]": 4,
        "swarmline_requests_dead_total[reason=attempts_exhausted]": 1,
        "swarmline_requests_redelivered_total": 2,
        "swarmline_requests_completed_total[outcome=completed][swarm=support]": 1,
        "swarmline_request_duration_seconds_sum[outcome=completed][swarm=support]": 0.5,
        "swarmline_queue_wait_seconds_sum": 0.004,
        "swarmline_end_to_end_seconds_sum": 0.504,
        "swarmline_fenced_writes_total": 3,
        "swarmline_lease_lost_total": 1,
        "swarmline_redis_errors_total[op=commit]": 1,
        "swarmline_sessions_opened_total[swarm=support]": 1,
        "swarmline_sessions_disposed_total[reason=ttl][swarm=support]": 1,
        "swarmline_policy_rejections_total[direction=input][policy=polite]": 1,
        "swarmline_events_published_total[channel=bus]": 3,
        "swarmline_events_published_total[channel=client]": 2,
        "swarmline_events_published_total[channel=reply]": 1,
        "swarmline_events_no_subscriber_total": 4,
        "swarmline_time_to_first_emit_seconds_sum[swarm=support]": 0.02,
        "swarmline_model_call_duration_seconds_sum[agent=triage][model=echo][outcome=ok]": 0.3,
        "swarmline_model_tokens_total[direction=input]": 100,
        "swarmline_tool_duration_seconds_count[outcome=timeout][tool=order_status]": 1,
        "swarmline_handoffs_total[from=triage][to=sales]": 1,
        "swarmline_process_starts_total": 1,
        "swarmline_process_crashes_total": 0,
        "swarmline_processes": 1,
        "swarmline_redis_up": 1,
        "swarmline_sessions_held": 8,
        "swarmline_claim_cycles_total": 1,
        "swarmline_callback_errors_total[callback=on_dispose]": 1,
        "swarmline_slots[state=used]": 3,
        "swarmline_slots[state=available]": 7,
        "swarmline_inflight": 3,
        "swarmline_event_loop_lag_seconds": 0.25,
        "swarmline_stream_length": 7,
        "swarmline_stream_lag": 5,
        "swarmline_stream_oldest_waiting_seconds": 1.5,
        "swarmline_workers_live": 2,
        "swarmline_sessions_active": 10,
        "swarmline_sessions_ready": 3,
        "swarmline_sessions_delayed": 4,
        "swarmline_dead_letters": 6,
    }
    assert {name: seen.get(name) for name in expected} == expected


def test_a_value_falls_in_the_first_bucket_that_holds_it() -> None:
    metrics = Metrics(buckets=Buckets(wait=(1.0,), turn=(0.1, 1.0)))
    for duration_s in (0.05, 0.1, 0.5, 7.0):
        metrics.turns_finished("s", "failed", [(0.0, duration_s)])
    seen = scrape(metrics)
    name = "swarmline_request_duration_seconds_bucket[le={}][outcome=failed][swarm=s]"
    assert [seen[name.format(bound)] for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert seen["swarmline_request_duration_seconds_count[outcome=failed][swarm=s]"] == 4


def test_names_end_in_base_units_and_start_with_the_prefix() -> None:
    text = text_of(used(Metrics()))
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert names
    for name in names:
        assert name.startswith("swarmline_")
        assert UNITS.search(name) or name.removeprefix("swarmline_") in COUNTS, name


def test_no_label_could_hold_a_client() -> None:
    text = text_of(used(Metrics()))
    labels = set(re.findall(r'[{,](\w+)="', text))
    assert labels == {"swarm", "outcome", "reason", "op", "policy", "direction", "callback", "state", "le"} | {
        *("kind", "channel", "agent", "model", "tool", "from", "to", "version", "protocol")
    }


def test_counters_are_there_before_anything_happened_with_the_labels_that_are_known() -> None:
    metrics = Metrics()
    metrics.begin(["support", "sales"])
    seen = scrape(metrics)
    for name in (
        "swarmline_lease_lost_total",
        "swarmline_requests_dead_total[reason=malformed]",
        "swarmline_redis_errors_total[op=commit]",
        "swarmline_model_tokens_total[direction=output]",
        "swarmline_events_published_total[channel=reply]",
        "swarmline_turns_retried_total[swarm=sales]",
        "swarmline_sessions_opened_total[swarm=support]",
        "swarmline_sessions_disposed_total[reason=ttl][swarm=sales]",
        "swarmline_requests_completed_total[outcome=failed][swarm=support]",
    ):
        assert seen[name] == 0, name
    assert not [name for name in seen if name.startswith("swarmline_handoffs_total[")]


def test_a_process_that_is_started_again_goes_on_counting() -> None:
    metrics = used(Metrics())
    metrics.begin(["support"])
    assert scrape(metrics)["swarmline_requests_completed_total[outcome=completed][swarm=support]"] == 1


def test_an_unknown_lag_is_left_out_instead_of_shown_as_zero() -> None:
    metrics = Metrics()
    metrics.cluster(replace(SAMPLE, stream_lag=None))
    seen = scrape(metrics)
    assert "swarmline_stream_lag" not in seen
    assert seen["swarmline_stream_length"] == 7


def test_an_old_sample_of_the_cluster_is_no_longer_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(levels_module, "monotonic", lambda: now)
    metrics = Metrics()
    metrics.cluster(SAMPLE)
    now = 119.0
    assert "swarmline_workers_live" in scrape(metrics)
    now = 121.0
    assert "swarmline_workers_live" not in scrape(metrics)


def test_two_workers_in_one_process_keep_their_figures_apart() -> None:
    one, other = Metrics(), Metrics()
    one.lease_lost()
    assert scrape(other)["swarmline_lease_lost_total"] == 0


def test_the_page_of_metrics_names_all_of_them_and_no_other() -> None:
    text = text_of(used(Metrics()))
    served = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(swarmline_\w+)`", page, re.MULTILINE)) == served


def test_the_page_of_metrics_names_the_labels_of_each() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    rows = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in ROW.findall(page)}
    labels = {f"swarmline_{name}_total": set(counter.labels) for name, counter in COUNTERS.items()}
    labels |= {f"swarmline_{name}": set(histogram.labels) for name, histogram in HISTOGRAMS.items()}
    assert {name: rows[name] for name in labels} == labels
