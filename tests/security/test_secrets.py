"""Neither passwords nor what people said reach a log, a metric, a probe or the arguments of a process."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer
from tests.acceptance.wire import Wire
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.server import Server
from tests.security.leaky_app import ACCIDENTS

Start = Callable[..., SwarmlineProcess]

APP = "tests.security.leaky_app:app"
PASSWORD = "canary-of-the-password"
SAID = "canary-of-a-conversation"

pytestmark = pytest.mark.unguarded_keyspace  # entries that nobody can use are left, on purpose


@pytest.fixture
async def guarded(start_server: StartServer) -> Server:
    """Run a server with a user whose password is the canary."""
    server = start_server(tcp=True)
    client = redis_asyncio.Redis.from_url(server.url)
    await client.execute_command("ACL", "SETUSER", "someone", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    await client.aclose()
    return server


def with_password(server: Server) -> str:
    return server.url.replace("://", f"://someone:{PASSWORD}@")


async def every_accident(wire: Wire, url: str) -> None:
    """Let everything go wrong that can, each time with the canary in it."""
    for accident in ACCIDENTS:
        reply = await wire.ask("alice", "leaky", f"{accident} {SAID}")
        message = (reply["error"] or {}).get("message") or ""
        assert SAID not in message, accident
        assert PASSWORD not in json.dumps(reply)
    await wire.do("alice", "leaky", "commit-user-message", {"message": 3, "more": SAID})
    await wire.do("alice", "leaky", "execute", f'{{"message": "{SAID}", "message": 1}}')
    await wire.do("alice", "leaky", "execute", f"{SAID} is no JSON")
    await wire.push_entry({"v": "1", "requestId": "r-1", "clientId": SAID * 40, "body": SAID, SAID: SAID})
    await wire.dead_letter("r-1")
    async with Producer(url) as producer:
        kept = await producer.send_later("alice", "leaky", "execute", message=f"agent {SAID}", defer_by=0)
        await producer.result(kept, timeout_s=20)
    await wire.do("alice", "leaky", "dispose")


async def rubbish_for_housekeeping(redis: redis_asyncio.Redis) -> None:
    jobs = {"not-json": SAID, "odd": json.dumps({"f": "send_later", "a": [{"body": SAID}], "k": {}, "t": 1, "et": 1})}
    for name, job in jobs.items():
        await redis.set(f"arq:job:{name}", job)
        await redis.zadd("swarmline:arq", {name: 1})
    await eventually(lambda: _is_empty(redis, jobs), within_s=20)


async def _is_empty(redis: redis_asyncio.Redis, jobs: dict[str, str]) -> bool:
    left = [await redis.zscore("swarmline:arq", name) for name in jobs]
    assert left == [None] * len(jobs)
    return True


def processes_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [pid, *map(int, found.stdout.split())]


def arguments_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_at_the_lowest_level_the_log_holds_no_contents_and_no_password(
    guarded: Server, start_swarmline: Start, log_format: str
) -> None:
    url = with_password(guarded)
    environment = {"SWARMLINE_REDIS_URL": url, "SWARMLINE_LOG_FORMAT": log_format, "SWARMLINE_LOG_LEVEL": "DEBUG"}
    environment |= {"SWARMLINE_RETRY_FIRST_S": "0.1"}  # five tries in seconds
    worker = start_swarmline("worker", "--app", APP, "--metrics-port", "0", **environment)
    metrics_url = (await worker.ready())["metrics"]
    redis = redis_asyncio.Redis.from_url(guarded.url)
    await every_accident(Wire(redis), url)
    await rubbish_for_housekeeping(redis)
    await redis.aclose()
    shown = [_page(metrics_url.replace("/metrics", page)) for page in ("/metrics", "/readyz", "/version")]
    guarded.restart()  # all connections break, and the user is gone: the errors of both are logged
    await eventually(lambda: "housekeeping_stopped" in worker.stderr, within_s=30)
    shown += [arguments_of(worker.pid)]
    worker.send_signal(signal.SIGTERM)
    await worker.ended(within_s=45)
    for text in (*shown, worker.stdout, worker.stderr):
        assert SAID not in text, _around(text, SAID)
        assert PASSWORD not in text, _around(text, PASSWORD)
    # and yet it tells where things went wrong
    for trace in ("agent_error", "leaky_app.py", "RuntimeError: text withheld", "Task exception was never retrieved"):
        assert trace in worker.stderr


async def test_who_asks_for_contents_gets_them(guarded: Server, start_swarmline: Start) -> None:
    environment = {"SWARMLINE_REDIS_URL": with_password(guarded), "SWARMLINE_LOG_CONTENTS": "true"}
    worker = start_swarmline("worker", "--app", APP, "--metrics-port", "-1", "--log-level", "DEBUG", **environment)
    await worker.ready()
    redis = redis_asyncio.Redis.from_url(guarded.url)
    for accident in ("agent", "library"):
        await Wire(redis).ask("alice", "leaky", f"{accident} {SAID}")
    await redis.aclose()
    assert f"RuntimeError: agent {SAID}" in worker.stderr
    assert f"sending library {SAID}" in worker.stderr
    assert PASSWORD not in worker.stderr


async def test_a_parent_hands_no_password_to_its_children_in_their_arguments(
    guarded: Server, start_swarmline: Start
) -> None:
    options = ("--processes", "2", "--metrics-port", "-1", "--redis-url", with_password(guarded))
    parent = start_swarmline("worker", "--app", APP, *options)
    await parent.ready(within_s=40)
    _, *children = processes_of(parent.pid)
    assert len(children) == 2
    assert not any(PASSWORD in arguments_of(pid) for pid in children)
    assert PASSWORD not in parent.stdout + parent.stderr


@pytest.mark.parametrize(
    "verb",
    [
        ("send", "alice", "leaky", SAID),
        ("send", "alice", "leaky", SAID, "--wait", "--timeout-s", "1"),
        ("tail",),
        ("doctor",),
        ("check", "--redis-url", "{url}"),
        ("config", "show"),
        ("worker", "--app", APP),
        ("worker", "--app", APP, "--processes", "2"),
    ],
    ids=" ".join,
)
async def test_no_verb_repeats_the_password_of_a_redis_that_refuses_it(
    guarded: Server, start_swarmline: Start, verb: tuple[str, ...]
) -> None:
    url = with_password(guarded).replace("someone", "nobody")
    asked = start_swarmline(*(word.format(url=url) for word in verb), SWARMLINE_REDIS_URL=url)
    await asked.ended(within_s=40)
    assert PASSWORD not in asked.stdout + asked.stderr
    assert SAID not in asked.stdout + asked.stderr
    assert "Traceback" not in asked.stderr


def _page(url: str) -> str:
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - the worker of this test
        return str(answer.read().decode())


def _around(text: str, canary: str) -> str:
    at = text.index(canary)
    return text[max(0, at - 600) : at + 200]
