"""The real command in a real terminal, over real workers."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable

import redis.asyncio as redis_asyncio

from producers import Producer
from tests.helpers.eventually import eventually
from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment
from tests.top.screen import screen_text
from worker.top.app import Top

APP = "tests.acceptance.app:app"


async def test_workers_their_turns_and_their_events_are_seen(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Callable[..., SwarmlineProcess]
) -> None:
    arguments = ("worker", "--app", APP, "--redis-url", redis_url, "--metrics-port", "-1", "--no-housekeeping")
    workers = [start_swarmline(*arguments) for _ in range(2)]
    ids = [(await worker.ready())["worker_id"] for worker in workers]
    app = Top(redis_url, "swarmline", every_s=0.2)
    async with app.run_test(size=(150, 30)) as pilot, Producer(redis_url) as producer:
        await eventually(lambda: "2 workers consuming" in screen_text(app), within_s=15)
        await pilot.press("2")
        await eventually(lambda: all(worker_id in screen_text(app) for worker_id in ids), within_s=15)
        await pilot.press("6")
        await eventually(redis.pubsub_numpat, within_s=15)
        await producer.execute("alice", "support", "hello there", timeout_s=20)
        await eventually(lambda: "triage: hello there" in screen_text(app), within_s=15)
        await pilot.press("1")
        await eventually(lambda: _nobody_listens(redis), within_s=15)
        for worker in workers:
            worker.kill()
        await redis.zadd("swarmline:{0}:workers", dict.fromkeys(ids, 1))
        await producer.send("alice", "support", "execute", message="is anybody there?")
        await eventually(lambda: "0 workers consuming" in screen_text(app), within_s=15)
        await eventually(lambda: "Nobody consumes. 1 request or more wait." in screen_text(app), within_s=15)


async def _nobody_listens(redis: redis_asyncio.Redis) -> bool:
    return await redis.pubsub_numpat() == 0


def test_the_command_runs_in_a_terminal_until_q(redis_url: str) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 110, 0, 0))
    command = [sys.executable, "-m", "worker", "top", "--redis-url", redis_url]
    environment = clean_environment({"TERM": "xterm-256color"})
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment) as process:
        os.close(theirs)
        try:
            _read_until(ours, b"no worker has ever started")
            os.write(ours, b"q")
            _read_until(ours, b"")
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
    os.close(ours)


def _read_until(terminal: int, text: bytes) -> None:
    """Read what the command paints until a text comes, or its end where the text is empty."""
    seen = b""
    while not text or text not in seen:
        try:
            seen += os.read(terminal, 65_536)
        except OSError:  # the other end was closed
            assert not text, seen
            return


def test_without_a_terminal_it_says_what_else_there_is(redis_url: str) -> None:
    command = [sys.executable, "-m", "worker", "top", "--redis-url", redis_url]
    ended = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "top needs a terminal" in ended.stderr


def test_without_its_extra_it_names_the_extra() -> None:
    statement = (
        "import sys; sys.modules['textual'] = None; sys.argv[1:] = ['top']; from worker.__main__ import main; main()"
    )
    command = [sys.executable, "-c", statement]
    ended = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "pip install 'swarmline[tui]'" in ended.stderr
