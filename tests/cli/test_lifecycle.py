"""Signals between start and end: quiet, stacks in the log, and a parent that is killed."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer
from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually, stays_so
from tests.helpers.processes import ROOT, SwarmlineProcess

Start = Callable[..., SwarmlineProcess]

KEYS = ShardKeys("swarmline", 0)
SECRET = "my-card-number-is-4711"
#: stands before a door until there is a file; `block` keeps the event loop while it waits
WAITING = """
import asyncio, os, time
from worker import Agent, App, CompletionMessage, Swarm

async def stand_before_the_door(secret):
    while not os.path.exists({path!r}):
        await asyncio.sleep(0.01)

async def complete(request):
    if "block" in request.last_user_message():
        while not os.path.exists({path!r}):
            time.sleep(0.01)
    await stand_before_the_door(request.last_user_message())
    return CompletionMessage(content="at last")

agent = Agent("slow", prompt="", completion=complete)
app = App(swarms=[Swarm("support", agents=[agent], default_agent="slow")])
"""

pytestmark = pytest.mark.unguarded_keyspace  # the sessions of this test live on, and arq's queue


@pytest.fixture
def start(redis_url: str, start_swarmline: Start, tmp_path: Path) -> Start:
    """Hand out a starter of workers that serve the application above."""
    (tmp_path / "waiting.py").write_text(WAITING.format(path=str(tmp_path / "go")))

    def start_one(*arguments: str) -> SwarmlineProcess:
        return start_swarmline(
            *("worker", "--app", "waiting:app", "--redis-url", redis_url, *arguments),
            PYTHONPATH=f"{tmp_path}:{ROOT}",
        )

    return start_one


def get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - the worker of the test
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_a_quiet_worker_ends_what_it_holds_and_takes_nothing_new(
    redis: redis_asyncio.Redis, redis_url: str, start: Start, tmp_path: Path
) -> None:
    worker = start("--metrics-port", "0")
    ready = await worker.ready(within_s=40)
    base = ready["metrics"].removesuffix("/metrics")
    held = KEYS.held(ready["worker_id"])
    async with Producer(redis_url) as producer:
        running = await producer.send("alice", "support", "execute", message="Hi")
        await eventually(lambda: redis.scard(held))
        worker.send_signal(signal.SIGUSR1)
        await eventually(lambda: get(base + "/readyz") == (503, "quiet: it claims nothing more\n"))
        assert get(base + "/livez")[0] == 200
        waiting = await producer.send("bob", "support", "execute", message="Hi")
        (tmp_path / "go").touch()
        assert (await producer.result(running)).status == "completed"
        await stays_so(worker.is_running)
        assert await redis.llen(KEYS.ready) == 1, "it is admitted, and waits for another worker"
        await start("--metrics-port", "-1").ready(within_s=40)
        assert (await producer.result(waiting, timeout_s=20)).status == "completed"
    worker.send_signal(signal.SIGTERM)
    assert await worker.ended() == 0


@pytest.mark.parametrize("message", [SECRET, f"block {SECRET}"])
async def test_the_log_shows_where_every_task_stands_and_not_with_what(
    redis: redis_asyncio.Redis, redis_url: str, start: Start, tmp_path: Path, message: str
) -> None:
    worker = start("--metrics-port", "-1")
    ready = await worker.ready(within_s=40)
    async with Producer(redis_url) as producer:
        request_id = await producer.send("alice", "support", "execute", message=message)
        await eventually(lambda: redis.scard(KEYS.held(ready["worker_id"])))

        def stands_in_the_completion() -> bool:
            worker.send_signal(signal.SIGUSR2)
            lines = [json.loads(line) for line in worker.stderr.splitlines()]
            stacks = [line["stack"] for line in lines if line["event"] in {"task_stack", "thread_stack"}]
            assert any("waiting.py" in " ".join(stack) and "complete" in " ".join(stack) for stack in stacks)
            return True

        await eventually(stands_in_the_completion)
        assert "worker/lane/intake.py" in worker.stderr, "every task is there"
        assert SECRET not in worker.stderr
        (tmp_path / "go").touch()
        assert (await producer.result(request_id, timeout_s=20)).output == "at last"


async def test_children_of_a_killed_parent_end_their_turns_and_leave(
    redis: redis_asyncio.Redis, redis_url: str, start: Start, tmp_path: Path
) -> None:
    parent = start("--metrics-port", "-1", "--processes", "2")
    ready = await parent.ready(within_s=50)
    async with Producer(redis_url) as producer:
        request_id = await producer.send("alice", "support", "execute", message="Hi")

        async def is_held() -> bool:
            return any([await redis.scard(KEYS.held(worker_id)) for worker_id in ready["worker_id"].split(",")])

        await eventually(is_held)
        os.kill(parent.pid, signal.SIGKILL)
        await eventually(lambda: parent.stderr.count('"draining"') == 2)
        (tmp_path / "go").touch()
        reply = await producer.result(request_id, timeout_s=20)
        assert (reply.status, reply.attempts) == ("completed", 1)

    async def all_have_left() -> bool:
        return not await redis.zcard(KEYS.workers)

    await eventually(all_have_left, within_s=20)


async def test_a_parent_passes_quiet_on_also_to_children_that_come_later(start: Start) -> None:
    parent = start("--metrics-port", "0", "--processes", "2")
    ready = await parent.ready(within_s=50)
    base = ready["metrics"].removesuffix("/metrics")
    parent.send_signal(signal.SIGUSR1)
    await eventually(lambda: get(base + "/readyz")[0] == 503)
    os.kill(int(ready["pids"].split(",")[0]), signal.SIGKILL)
    await eventually(lambda: parent.stdout.count("] READY ") == 3, within_s=40)
    await eventually(lambda: get(base + "/readyz")[1].count("quiet") == 2)
    parent.send_signal(signal.SIGTERM)
    assert await parent.ended(within_s=40) == 0
