"""The bench itself: ratios pair neighbours, a wrong answer is reported, the bare loop answers every request."""

import json
import os

from tests.helpers.processes import clean_environment
from tests.helpers.server import Server
from worker.bench.actors import Cost, Duo, Stage
from worker.bench.bare import STREAM
from worker.bench.client import Command, Measured, requests_of
from worker.bench.connection import connect
from worker.bench.machine import cpu_s
from worker.bench.progress import finished
from worker.bench.report import Report, table
from worker.bench.samples import Sample, Samples
from worker.bench.throughput import closed


def measured(*, n: int = 100, seconds: float = 1.0, bad: int = 0, fault: str = "") -> Measured:
    return Measured(n=n, bad=bad, seconds=seconds, p50_s=0.001, p95_s=0.002, p99_s=0.003, fault=fault)


def samples_of(pairs: list[tuple[float, float]]) -> Samples:
    samples = Samples()
    for bare, ours in pairs:
        samples.add(Sample(load="drain", system="bare", per_s=bare))
        samples.add(Sample(load="drain", system="ours", per_s=ours))
    return samples


def test_a_ratio_compares_runs_of_the_same_round() -> None:
    # The machine was half as fast in the second round: the medians of each column alone would hide the ratio.
    assert samples_of([(200, 100), (100, 50), (400, 200)]).ratio("drain", "per_s") == 0.5


def test_processor_time_is_told_per_request_in_microseconds() -> None:
    sample = Sample.of("drain", "ours", measured(n=1000), Cost(0.02, 0.03, 0.04))
    assert (round(sample.worker_us), round(sample.server_us), round(sample.client_us)) == (20, 30, 40)


def test_neighbouring_requests_belong_to_different_sessions() -> None:
    command = Command(do="closed", n=5, swarm="bench", prefix="c", sessions=3)
    assert [client for client, _, _ in requests_of(command)] == [
        "c-000000", "c-000001", "c-000002", "c-000000", "c-000001",
    ]  # fmt: skip


def test_a_missing_answer_is_told_below_the_table() -> None:
    samples = Samples()
    samples.add(Sample.of("drain", "ours", measured(bad=2, fault="ReplyTimeout: gone"), Cost(0, 0, 0)))
    report = Report(machine={"cores": 2, "processor": "x", "python": "3.11"}, samples=samples)
    assert "! 2 requests got no answer or a wrong one" in table(report)
    assert json.loads(report.as_json())["samples"][0]["fault"] == "ReplyTimeout: gone"


async def test_the_bare_loop_answers_every_request_and_leaves_no_entry() -> None:
    with Server() as server:
        stage = Stage(server.url, server.pid, clean_environment())
        duo = await Duo.start(stage, "bare")
        connection = connect(server.url)
        result, _ = await duo.run(closed("few", 200, 50, sessions=10).command)
        assert (result.n, result.bad, result.fault) == (200, 0, "")
        assert await finished(connection, "bare") == 200
        assert await connection.execute_command("XLEN", STREAM) == 0
        await connection.aclose()
        await duo.end()


def test_processor_time_of_this_process_grows_while_it_works() -> None:
    before = cpu_s(os.getpid())
    assert sum(number * number for number in range(300_000))
    assert 0 < cpu_s(os.getpid()) - before < 60


def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert cpu_s(2**22 + 1) == 0
