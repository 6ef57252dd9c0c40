"""A worker behind the real command: it serves, is asked how it is, and ends in good order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import redis.asyncio as redis_asyncio

from tests.cli.shell import run
from tests.helpers.eventually import eventually
from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment
from worker.embedded.process import free_port

Start = Callable[..., SwarmlineProcess]

APP = "worker.cli.demo_app:app"

pytestmark = pytest.mark.unguarded_keyspace  # the sessions of this test live on, and arq's queue


async def test_a_message_from_the_shell_is_answered(redis_url: str, start_swarmline: Start) -> None:
    worker = start_swarmline("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "0")
    await worker.ready()
    sent = run("send", "alice", "support", "Where is order 42?", "--wait", SWARMLINE_REDIS_URL=redis_url)
    assert (sent.returncode, "42" in sent.stdout) == (0, True), sent.stderr
    reply = run("send", "alice", "support", "Hello", "--wait", "--json", SWARMLINE_REDIS_URL=redis_url)
    assert json.loads(reply.stdout)["status"] == "completed"
    failed = run("send", "alice", "nobody", "Hello", "--wait", SWARMLINE_REDIS_URL=redis_url)
    assert failed.returncode == 1
    assert "failed" in failed.stderr
    worker.send_signal(signal.SIGTERM)
    assert await worker.ended() == 0


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_serves_though_nobody_reads_that_it_is_ready(redis_url: str, processes: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "worker", "worker", "--app", APP, "--metrics-port", "-1", "--processes", processes]
    environment = clean_environment({"SWARMLINE_REDIS_URL": redis_url})
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=writing)
    os.close(writing)
    sent = run("send", "alice", "support", "Hello", "--wait", SWARMLINE_REDIS_URL=redis_url)
    worker.send_signal(signal.SIGTERM)
    assert (sent.returncode, worker.wait(30)) == (0, 0), sent.stderr


async def test_the_bus_can_be_watched_from_the_shell(redis_url: str, start_swarmline: Start) -> None:
    await start_swarmline("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "-1").ready()
    watching = start_swarmline("tail", "alice", "--json", "--redis-url", redis_url)

    def watched() -> list[str]:
        run("send", "alice", "support", "Hello", "--wait", SWARMLINE_REDIS_URL=redis_url)
        return watching.stdout.splitlines()

    lines = await eventually(watched, within_s=30)
    assert json.loads(lines[0])["clientId"] == "alice"
    watching.send_signal(signal.SIGINT)
    assert await watching.ended() == 0


async def test_a_check_asks_the_worker_of_this_machine(redis_url: str, start_swarmline: Start) -> None:
    port = str(free_port())
    assert run("check", SWARMLINE_METRICS_PORT=port).returncode == 1
    worker = start_swarmline("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", port)
    await worker.ready()
    await eventually(lambda: run("check", SWARMLINE_METRICS_PORT=port).returncode == 0, within_s=20)
    checked = run("check", "--url", f"http://127.0.0.1:{port}", "--json")
    assert json.loads(checked.stdout) == {"ok": True, "reason": "ok"}


@pytest.mark.parametrize("url", ["localhost:9100", "https://localhost", "http://", "http://h:abc", "http://h:99999"])
def test_a_check_of_what_is_no_address_is_a_usage_error(url: str) -> None:
    checked = run("check", "--url", url)
    assert checked.returncode == 2
    assert "http://HOST:PORT" in checked.stderr


async def test_a_check_asks_redis_for_live_workers(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Start
) -> None:
    assert run("check", "--redis-url", redis_url).returncode == 1
    worker = start_swarmline("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "-1")
    await worker.ready()
    checked = run("check", "--redis-url", redis_url)
    assert (checked.returncode, checked.stdout) == (0, "1 worker live in namespace swarmline\n")
    # a worker that was killed stays in the list until it is reclaimed, but its lease is over
    await redis.zadd("swarmline:{0}:workers", {"dead": 1})
    assert run("check", "--redis-url", redis_url).stdout == "1 worker live in namespace swarmline\n"


async def test_a_check_without_a_server_is_a_plain_no() -> None:
    checked = run("check", "--redis-url", "redis://127.0.0.1:1")
    assert checked.returncode == 1
    assert "Redis does not answer" in checked.stderr


async def test_two_processes_serve_under_one_parent_and_one_that_dies_comes_back(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Start
) -> None:
    parent = start_swarmline(
        *("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "0", "--processes", "2")
    )
    ready = await parent.ready(within_s=40)
    assert len(set(ready["worker_id"].split(","))) == 2
    assert ready["shards"] == "1"
    children = _children_of(parent.pid)
    assert len(children) == 2
    os.kill(children[0], signal.SIGKILL)
    await eventually(lambda: parent.stdout.count("] READY ") == 3, within_s=40)
    parent.send_signal(signal.SIGTERM)
    assert await parent.ended(within_s=40) == 0
    assert await redis.zcard("swarmline:{0}:workers") <= 1  # the one that was killed


async def test_children_do_not_outlive_their_parent(redis_url: str, start_swarmline: Start) -> None:
    parent = start_swarmline(
        *("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "-1", "--processes", "2")
    )
    await parent.ready(within_s=40)
    children = _children_of(parent.pid)
    parent.kill()
    await eventually(lambda: not any(_is_running(pid) for pid in children), within_s=20)


async def test_children_that_find_no_redis_end_their_parent_with_69(start_swarmline: Start) -> None:
    parent = start_swarmline(
        *("worker", "--app", APP, "--redis-url", "redis://127.0.0.1:1", "--metrics-port", "-1", "--processes", "2")
    )
    assert await parent.ended(within_s=40) == 69


def _children_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _is_running(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and "Z" not in found.stdout
