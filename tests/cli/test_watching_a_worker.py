"""What a worker behind the real command shows of itself: that it is wedged, and never what people said."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from redis.asyncio import Redis

from producers import Producer
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.helpers.processes import ROOT, SwarmlineProcess

Start = Callable[..., SwarmlineProcess]

pytestmark = pytest.mark.unguarded_keyspace  # the sessions of this test live on, and arq's queue

CANARY = "my-card-number-is-4711"
BLOCKING = """
import os, time
from worker import Agent, App, CompletionMessage, Swarm

async def complete(request):
    while not os.path.exists({path!r}):
        time.sleep(0.01)  # as a client library does that knows no asyncio
    return CompletionMessage(content="at last")

agent = Agent("slow", prompt="", completion=complete)
app = App(swarms=[Swarm("support", agents=[agent], default_agent="slow")])
"""


def get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - the worker of the test
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, ""


async def test_an_outage_of_redis_is_told_once_with_its_reason_and_so_is_its_end(
    start_server: StartServer, start_swarmline: Start
) -> None:
    server = start_server()
    worker = start_swarmline(
        *("worker", "--app", "tests.acceptance.app:app", "--redis-url", server.url, "--metrics-port", "-1"),
        *("--lease-s", "1", "--no-housekeeping"),
    )
    await worker.ready(within_s=40)
    async with Redis.from_url(server.url) as redis:
        await redis.config_set("requirepass", "geheim")
        await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await eventually(lambda: '"redis_does_not_answer"' in worker.stderr, within_s=20)
        await redis.config_set("requirepass", "")
    await eventually(lambda: '"redis_answers_again"' in worker.stderr, within_s=20)
    told = [line for line in map(json.loads, worker.stderr.splitlines()) if "shard" in line]
    assert [(line["event"], line["shard"]) for line in told] == [
        ("redis_does_not_answer", 0),
        ("redis_answers_again", 0),
    ]
    assert "uthenticat" in told[0]["error"]
    assert told[1]["after_s"] > 0


async def test_a_worker_with_a_blocked_event_loop_says_that_it_is_not_live(
    redis_url: str, start_swarmline: Start, tmp_path: Path
) -> None:
    (tmp_path / "blocking.py").write_text(BLOCKING.format(path=str(tmp_path / "go")))
    worker = start_swarmline(
        *("worker", "--app", "blocking:app", "--redis-url", redis_url, "--metrics-port", "0"),
        PYTHONPATH=f"{tmp_path}:{ROOT}",
        SWARMLINE_HEALTH_STALL_S="1.5",
    )
    base = (await worker.ready())["metrics"].removesuffix("/metrics")
    await eventually(lambda: get(base + "/readyz")[0] == 200)
    async with Producer(redis_url) as producer:
        request_id = await producer.send("alice", "support", "execute", message="Hi")
        await eventually(lambda: get(base + "/livez")[0] == 503, within_s=20)
        assert get(base + "/metrics")[0] == 200
        await eventually(lambda: '"event_loop_blocked"' in worker.stderr, within_s=20)
        (line,) = [line for line in worker.stderr.splitlines() if '"event_loop_blocked"' in line]
        assert "blocking.py:7 complete" in json.loads(line)["stack"][-1]
        (tmp_path / "go").touch()
        await eventually(lambda: get(base + "/livez")[0] == 200, within_s=20)
        assert (await producer.result(request_id)).output == "at last"


async def test_neither_logs_nor_metrics_repeat_what_people_said(redis_url: str, start_swarmline: Start) -> None:
    worker = start_swarmline(
        *("worker", "--app", "worker.cli.demo_app:app", "--redis-url", redis_url, "--metrics-port", "0"),
        *("--log-level", "DEBUG"),
    )
    metrics_url = (await worker.ready())["metrics"]
    async with Producer(redis_url) as producer:
        await producer.execute("alice", "support", CANARY)
        await producer.execute("alice", "support", f"damn {CANARY}")
        failed = await producer.send("alice", "support", "commit-tool-output", content=CANARY, tool_id=CANARY)
        await producer.result(failed)
    await eventually(lambda: worker.stderr.count("turn_finished") >= 2)
    _, shown = get(metrics_url)
    assert "swarmline_requests_completed_total" in shown
    assert CANARY not in shown + worker.stderr + worker.stdout
    assert "alice" not in shown
