"""What a process has counted outlives it."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from tests.helpers.eventually import eventually_sync
from tests.helpers.processes import ROOT, clean_environment
from tests.observe.scraping import SAMPLE, figures, registry_over
from worker.observe import sheet as sheet_module
from worker.observe.metrics import Metrics
from worker.observe.sheet import Sheet, new_sheet_file
from worker.observe.siblings import Siblings

COMPLETED = "swarmline_requests_completed_total[outcome=completed][swarm=support]"
COUNTING = """
import sys
from worker.observe.metrics import Metrics
from worker.observe.sheet import Sheet
metrics = Metrics(Sheet(int(sys.argv[1])))
metrics.begin()
metrics.slots(1, 4)
print("counting", flush=True)
while True:
    metrics.turns_finished("support", "completed", [(0.0, 0.5)])
"""


def start(fd: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", COUNTING, str(fd)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), pass_fds=[fd], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "counting\n"
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def counts_beyond(registry: CollectorRegistry, count: float) -> bool:
    return figures(registry).get(COMPLETED, 0) > count


def test_a_successor_goes_on_where_a_killed_process_stopped() -> None:
    fd = new_sheet_file()
    registry = registry_over([Sheet(fd)])
    seen = 0.0
    for starts in (1, 2):
        process = start(fd)
        eventually_sync(partial(counts_beyond, registry, seen))
        kill(process)
        shown = figures(registry)
        assert shown[COMPLETED] > seen
        assert shown["swarmline_process_starts_total"] == starts
        seen = shown[COMPLETED]
    shown = figures(registry)
    counted = shown["swarmline_request_duration_seconds_count[outcome=completed][swarm=support]"]
    assert abs(counted - shown[COMPLETED]) <= 2, "a kill comes between two figures of one turn, at worst"
    os.close(fd)


def test_figures_of_several_processes_are_added_up() -> None:
    ones = [Metrics(), Metrics()]
    for number, metrics in enumerate(ones, 1):
        metrics.begin()
        metrics.redis_error("commit")
        metrics.turns_finished("support", "completed", [(0.0, 0.5)])
        metrics.slots(number, 10)
        metrics.loop_lag(number)
    shown = figures(registry_over([metrics.sheet for metrics in ones]))
    assert shown["swarmline_redis_errors_total[op=commit]"] == 2
    assert shown["swarmline_request_duration_seconds_sum[outcome=completed][swarm=support]"] == 1.0
    assert shown["swarmline_request_duration_seconds_bucket[le=0.64][outcome=completed][swarm=support]"] == 2
    assert (shown["swarmline_inflight"], shown["swarmline_slots[state=available]"]) == (3, 17)
    assert shown["swarmline_event_loop_lag_seconds"] == 2, "the worst one counts"
    assert shown["swarmline_processes"] == 2


def test_gauges_of_a_process_end_with_it_and_its_counts_stay() -> None:
    metrics = Metrics()
    metrics.begin()
    metrics.slots(3, 10)
    metrics.lease_lost()
    metrics.cluster(SAMPLE)
    registry = registry_over([metrics.sheet])
    assert figures(registry)["swarmline_workers_live"] == 2
    Siblings([metrics.sheet], stall_s=10).ended(0)
    shown = figures(registry)
    assert (shown["swarmline_inflight"], shown["swarmline_processes"]) == (0, 0)
    assert "swarmline_workers_live" not in shown
    assert shown["swarmline_lease_lost_total"] == 1
    metrics.begin()
    assert figures(registry)["swarmline_inflight"] == 0, "a successor begins its levels anew"


def test_the_newest_sample_of_the_cluster_is_shown_once() -> None:
    ones = [Metrics(), Metrics()]
    for metrics in ones:
        metrics.cluster(SAMPLE)
    assert figures(registry_over([metrics.sheet for metrics in ones]))["swarmline_workers_live"] == 2


def test_a_full_sheet_costs_figures_but_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = Sheet()
    monkeypatch.setattr(sheet_module, "SHEET_BYTES", 200)
    row = sheet.row(("too", "long" * 50), 10)
    row[9] = 1.0
    assert row[9] == 1.0
    assert Sheet().rows() == {}


def test_a_row_with_other_buckets_is_another_row() -> None:
    sheet = Sheet()
    sheet.row(("wait",), 5)[0] = 1.0
    assert sheet.row(("wait",), 7)[0] == 0.0
