"""Several processes, one address: what it shows is what Redis knows, to the unit."""

import asyncio
import os
import signal
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import redis.asyncio as redis_asyncio
from prometheus_client.parser import text_string_to_metric_families

from producers import Producer
from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess

Start = Callable[..., SwarmlineProcess]

KEYS = ShardKeys("swarmline", 0)
APP = "worker.cli.demo_app:app"

pytestmark = pytest.mark.unguarded_keyspace  # the sessions of this test live on, and arq's queue


def get(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def sums(page: str) -> dict[str, float]:
    """Return name of the sample -> sum over its labels."""
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0) + sample.value
    return totals


async def talk(redis_url: str, clients: int, first: int = 0) -> None:
    """Let clients say something at once and wait for all replies."""
    async with Producer(redis_url) as producer:
        turns = (
            producer.execute(f"c{number}", "support", "Where is order 42?", timeout_s=50)
            for number in range(first, first + clients)
        )
        assert {reply.status for reply in await asyncio.gather(*turns)} == {"completed"}


async def test_one_page_counts_what_all_processes_did_also_after_one_was_killed(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Start
) -> None:
    parent = start_swarmline(
        *("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "0", "--processes", "3", "--slots", "8")
    )
    ready = await parent.ready(within_s=50)
    url = ready["metrics"]

    async def is_exact(requests: int) -> dict[str, float]:
        counted = sums(get(url)[1])
        for name in ("requests_enqueued_total", "requests_completed_total", "queue_wait_seconds_count"):
            assert counted[f"swarmline_{name}"] == requests, name
        assert counted["swarmline_sessions_opened_total"] == await redis.zcard(KEYS.sessions) == requests
        return counted

    await talk(redis_url, 300)
    await eventually(lambda: is_exact(300))
    os.kill(int(ready["pids"].split(",")[1]), signal.SIGKILL)
    await eventually(lambda: parent.stdout.count("] READY ") == 4, within_s=40)
    await talk(redis_url, 200, first=300)
    counted = await eventually(lambda: is_exact(500))
    assert counted["swarmline_process_starts_total"] == 4
    assert counted["swarmline_process_crashes_total"] == 1
    assert counted["swarmline_processes"] == 3
    assert counted["swarmline_slots"] == 24
    page = get(url)[1]
    assert "pid=" not in page
    assert page.count("# TYPE swarmline_inflight ") == 1
    parent.send_signal(signal.SIGTERM)
    assert await parent.ended(within_s=40) == 0


async def test_the_probes_of_a_parent_speak_for_its_children(redis_url: str, start_swarmline: Start) -> None:
    parent = start_swarmline(
        *("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "0", "--processes", "2"),
        SWARMLINE_HEALTH_STALL_S="2",
    )
    ready = await parent.ready(within_s=50)
    base = ready["metrics"].removesuffix("/metrics")
    assert get(base + "/startupz")[0] == get(base + "/livez")[0] == 200
    assert get(base + "/readyz") == (200, "2 of 2 processes are ready\n")
    os.kill(int(ready["pids"].split(",")[0]), signal.SIGSTOP)
    await eventually(lambda: get(base + "/livez")[0] == 503, within_s=30)
    assert "process 0" in get(base + "/livez")[1]
    os.kill(int(ready["pids"].split(",")[0]), signal.SIGCONT)
    await eventually(lambda: get(base + "/livez")[0] == 200, within_s=30)


async def test_an_exporter_shows_the_cluster_and_workers_leave_it_to_it(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Start
) -> None:
    worker = start_swarmline("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "0")
    of_worker = (await worker.ready(within_s=40))["metrics"]
    await eventually(lambda: sums(get(of_worker)[1]).get("swarmline_workers_live") == 1, within_s=20)
    exporter = start_swarmline("exporter", "--redis-url", redis_url, "--metrics-port", "0")
    of_exporter = (await exporter.ready(within_s=40))["metrics"]
    await eventually(lambda: sums(get(of_exporter)[1]).get("swarmline_workers_live") == 1, within_s=20)
    await eventually(lambda: "swarmline_workers_live" not in sums(get(of_worker)[1]), within_s=20)
    assert sums(get(of_exporter)[1])["swarmline_processes"] == 0, "it is no worker"
    worker.kill()
    # Nobody is left to take the dead worker's sessions away, and still it must be seen that it is dead.
    await eventually(lambda: sums(get(of_exporter)[1])["swarmline_workers_live"] == 0, within_s=40)
    exporter.send_signal(signal.SIGTERM)
    assert await exporter.ended() == 0
    assert await redis.get(KEYS.sampler) is None


async def test_an_exporter_without_redis_says_so_and_finds_all_shards_by_itself(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Start
) -> None:
    lost = start_swarmline("exporter", "--redis-url", "redis://127.0.0.1:1", "--metrics-port", "0")
    address = (await lost.ready(within_s=40))["metrics"]
    assert sums(get(address)[1])["swarmline_redis_up"] == 0
    assert get(address.replace("metrics", "readyz"))[0] == 503
    assert get(address.replace("metrics", "livez"))[0] == 200
    await eventually(lambda: "sampler_found_no_redis" in lost.stderr)
    await redis.hset("swarmline:meta", mapping={"protocol": "1", "shards": "3"})
    await redis.xadd(ShardKeys("swarmline", 2).dead, {"reason": "malformed"})
    exporter = start_swarmline("exporter", "--redis-url", redis_url, "--metrics-port", "0")
    ready = await exporter.ready(within_s=40)
    assert ready["shards"] == "3"
    await eventually(lambda: sums(get(ready["metrics"])[1]).get("swarmline_dead_letters") == 1)
