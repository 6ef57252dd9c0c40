"""The bench itself: ratios pair neighbours, a wrong answer is reported, the bare loop answers every request."""

import asyncio
import json
import os

from tests.helpers.processes import clean_environment
from tests.helpers.server import Server
from worker.bench.actors import Cost, Duo, Stage
from worker.bench.bare import STREAM
from worker.bench.client import Command, Measured, Run, requests_of
from worker.bench.connection import connect
from worker.bench.machine import cpu_s
from worker.bench.progress import finished
from worker.bench.report import Report, table
from worker.bench.samples import Sample, Samples
from worker.bench.soak import Level, Soak
from worker.bench.throughput import closed


def measured(*, n: int = 100, seconds: float = 1.0, bad: int = 0, fault: str = "") -> Measured:
    return Measured(n=n, bad=bad, seconds=seconds, p50_s=0.001, p99_s=0.003, fault=fault)


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


def level(at_s: float, worker_mib: float) -> Level:
    return Level(
        at_s=at_s, worker_mib=worker_mib, worker_files=9, worker_threads=3, redis_mib=50, keys=100, connections=14
    )


def test_what_grows_is_told_per_hour_and_the_warm_up_does_not_count() -> None:
    soak = Soak(
        p50_ms=[1.0],
        p99_ms=[2.0],
        levels=[level(0, 50), level(10, 90), *(level(10 * n, 100 + n / 36) for n in range(2, 11))],
    )
    assert round(soak.slope("worker_mib"), 6) == 10
    assert soak.slope("keys") == 0
    assert "+10.00 an hour" in soak.table()


class SilentUntilAllAreThere:
    """A system that answers nobody before twenty wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.all_there = asyncio.Event()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def enqueue(self, requests: list[tuple[str, str, str]]) -> None: ...

    async def call(self, client_id: str, swarm_name: str, message: str) -> str:
        assert client_id.startswith("c-")
        assert swarm_name == "bench"
        self.waiting += 1
        if self.waiting == 20:
            self.all_there.set()
        await self.all_there.wait()
        return f"echo:{message}"


async def test_a_paced_load_is_sent_whatever_comes_back() -> None:
    command = Command(do="paced", n=20, swarm="bench", prefix="c", sessions=3, rate=2000.0)
    result = await Run(SilentUntilAllAreThere(), command).measure()
    assert (result.n, result.bad) == (20, 0)
