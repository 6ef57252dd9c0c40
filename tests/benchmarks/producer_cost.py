"""What one `execute` costs the calling process: CPU microseconds a request, against a raw echo loop.

Run: `python -m tests.benchmarks.producer_cost [--requests N] [--in-flight N ...] [--profile]`
"""

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import pstats
import time
from collections.abc import Callable, Coroutine

import redis
import uvloop

from producers import Producer
from schemas.keyspace import DEFAULT_NAMESPACE, ShardKeys
from schemas.names import RESULT_TTL_S
from tests.helpers.server import Server

KEYS = ShardKeys(DEFAULT_NAMESPACE, 0)
SESSIONS = 1_000
TEMPLATE = (
    '{"v":1,"type":"reply","requestId":"%s","clientId":"%s","swarmName":"support","status":"completed",'
    '"output":%s,"seq":1795365314230017,"agentName":"triage","turn":3,"attempts":1,"error":null,'
    '"acceptedAtMs":1795365314101,"finishedAtMs":1795365314230}'
)


def echo(url: str) -> None:
    """Answer every request, for ever, as cheaply as plain redis-py can: XREAD, then SET and PUBLISH in a pipeline."""
    client = redis.Redis.from_url(url)
    last = b"0"
    while True:
        streams = client.xread({KEYS.requests: last}, count=200, block=1_000)
        pipeline = client.pipeline(transaction=False)
        for entry_id, fields in streams[0][1] if streams else []:
            last = entry_id
            request_id = fields[b"requestId"].decode()
            output = json.dumps(json.loads(fields[b"body"])["message"])
            reply = TEMPLATE % (request_id, fields[b"clientId"].decode(), output)
            pipeline.set(KEYS.result(request_id), reply, ex=RESULT_TTL_S)
            pipeline.publish(fields[b"replyTo"], reply)
        pipeline.execute()
        client.xtrim(KEYS.requests, minid=last, approximate=True)


async def closed_loop(producer: Producer, requests: int, in_flight: int) -> None:
    """Keep `in_flight` calls under way until `requests` are answered."""
    left = iter(range(requests))

    async def caller() -> None:
        for number in left:
            message = f"message {number}"
            reply = await producer.execute(f"client-{number % SESSIONS}", "support", message, timeout_s=60)
            assert reply.output == message

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def measure(url: str, requests: int, in_flight: int) -> tuple[float, float]:
    """Return (requests a second, CPU µs a request of this process)."""
    async with Producer(url) as producer:
        await closed_loop(producer, in_flight, in_flight)
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        await closed_loop(producer, requests, in_flight)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return requests / wall_s, cpu_s / requests * 1e6


def run(url: str, options: argparse.Namespace) -> None:
    """Measure on both event loops and print a table."""
    loops: dict[str, Callable[[Coroutine[None, None, tuple[float, float]]], tuple[float, float]]] = {
        "asyncio": asyncio.run,
        "uvloop": uvloop.run,
    }
    print(f"{'event loop':>10} {'in flight':>10} {'requests/s':>12} {'CPU µs/request':>16}")  # noqa: T201
    for name, start in loops.items():
        for in_flight in options.in_flight:
            rate, cost_us = start(measure(url, options.requests, in_flight))
            print(f"{name:>10} {in_flight:>10} {rate:>12,.0f} {cost_us:>16.1f}")  # noqa: T201


def main() -> None:
    """Start a server and the echo loop, measure, stop both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=30_000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1_000, 100])
    parser.add_argument("--profile", action="store_true", help="print where the time goes (and slow it down)")
    options = parser.parse_args()
    with Server() as server:
        process = multiprocessing.get_context("spawn").Process(target=echo, args=(server.url,), daemon=True)
        process.start()
        try:
            if options.profile:
                with cProfile.Profile() as profile:
                    uvloop.run(measure(server.url, options.requests, options.in_flight[0]))
                pstats.Stats(profile).sort_stats("tottime").print_stats(30)
            else:
                run(server.url, options)
        finally:
            process.kill()
            process.join()


if __name__ == "__main__":
    main()
