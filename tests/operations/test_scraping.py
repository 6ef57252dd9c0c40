"""What a real Prometheus stores agrees with Redis to the unit, and dead workers raise an alert."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer
from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess
from tests.operations.prometheus import Prometheus, needs_prometheus

Start = Callable[..., SwarmlineProcess]

KEYS = ShardKeys("swarmline", 0)
APP = "worker.cli.demo_app:app"
CLIENTS = 60
TURNS = 4

pytestmark = [
    needs_prometheus,
    pytest.mark.unguarded_keyspace,  # the sessions of this test live on, and arq's queue
]


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[[Sequence[str]], Prometheus]]:
    """Hand out a starter of Prometheus servers, by the addresses of metrics; all are stopped at the end."""
    started: list[Prometheus] = []

    def start(urls: Sequence[str]) -> Prometheus:
        started.append(Prometheus(tmp_path, [urlsplit(url).netloc for url in urls]))
        return started[-1]

    yield start
    for server in started:
        server.stop()


async def talk(redis_url: str) -> None:
    """Let each client say several things, one after the other; one message of each client is sent twice."""
    async with Producer(redis_url) as producer:

        async def converse(client: str) -> None:
            for turn in range(TURNS):
                await producer.execute(client, "support", f"Where is order {turn}?", timeout_s=50)

        await asyncio.gather(*[converse(f"c{number}") for number in range(CLIENTS)])


async def test_counters_of_two_parents_agree_with_redis_to_the_unit(
    redis: redis_asyncio.Redis,
    redis_url: str,
    start_swarmline: Start,
    start_prometheus: Callable[[Sequence[str]], Prometheus],
) -> None:
    command = ("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "0", "--processes", "2")
    parents = [start_swarmline(*command) for _ in range(2)]
    prometheus = start_prometheus([(await parent.ready(within_s=50))["metrics"] for parent in parents])
    await eventually(lambda: prometheus.targets_up() == 2, within_s=20)
    await redis.xadd(KEYS.requests, {"garbage": "1"})
    names = {"v": "1", "requestId": "twice", "clientId": "twin", "swarmName": "support", "kind": "execute"}
    for _ in range(2):
        await redis.xadd(KEYS.requests, {**names, "body": '{"message":"Hi"}'})
    await talk(redis_url)

    async def agrees() -> bool:
        results = [key async for key in redis.scan_iter(f"{KEYS.base}result:*", count=1000)]
        replies = [reply for reply in await redis.mget(results) if b'"type":"reply"' in (reply or b"")]
        truth = {
            "requests_completed_total": len(replies),
            "requests_enqueued_total": CLIENTS * TURNS + 1,
            "request_duration_seconds_count": len(replies),
            "requests_deduplicated_total": 1,
            'requests_dead_total{reason="malformed"}': await redis.xlen(KEYS.dead),
            "sessions_opened_total": await redis.zcard(KEYS.sessions),
        }
        counted = {name: prometheus.value(f"sum(swarmline_{name})") for name in truth}
        assert counted == truth
        return len(replies) == CLIENTS * TURNS + 1

    await eventually(agrees, within_s=20)
    assert prometheus.value("sum(swarmline_processes)") == 4
    assert prometheus.value("max(swarmline_workers_live)") == 4
    assert not prometheus.query('{__name__=~"swarmline_.+", pid!=""}')
    assert prometheus.value('count(count by (instance) ({__name__="swarmline_workers_live"}))') == 1


async def test_an_exporter_tells_that_all_workers_are_dead(
    redis_url: str, start_swarmline: Start, start_prometheus: Callable[[Sequence[str]], Prometheus]
) -> None:
    worker = start_swarmline("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "-1", "--lease-s", "1")
    await worker.ready(within_s=40)
    exporter = start_swarmline("exporter", "--redis-url", redis_url, "--metrics-port", "0")
    prometheus = start_prometheus([(await exporter.ready(within_s=40))["metrics"]])
    await eventually(lambda: prometheus.value("max(swarmline_workers_live)") == 1, within_s=20)
    # Before the first scrape there was nobody to tell, which counts as nobody.
    await eventually(lambda: "SwarmlineNobodyConsumes" not in prometheus.firing(), within_s=20)
    os.kill(worker.pid, signal.SIGKILL)
    await eventually(lambda: "SwarmlineNobodyConsumes" in prometheus.firing(), within_s=30)
