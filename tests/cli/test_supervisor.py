"""The parent of several processes, seen with children that do as they are told."""

import asyncio
import os
import signal
import sys

import pytest

from tests.helpers.eventually import eventually
from worker.supervisor import Child, Patience, Supervisor, worst

PATIENCE = Patience(grace_s=20, hard_stop_s=0.1)

SERVES = """
import signal, sys
ended = []
def end(*_):
    sys.exit({code})
signal.signal(signal.SIGTERM, end)
print("READY worker_id=w{index} shards=1", flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("READY worker_id=w shards=1", flush=True)
while True:
    signal.pause()
"""
#: ends at once until the file given is there
CRASHES_ONCE = """
import os, sys
path = sys.argv[1]
if not os.path.exists(path):
    open(path, "w").close()
    sys.exit(1)
"""


def child(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def supervise(*commands: list[str]) -> "asyncio.Task[int]":
    children = [Child(index, command) for index, command in enumerate(commands)]
    return asyncio.create_task(Supervisor(children, PATIENCE, first_pause_s=0.01).run())


async def until_printed(capfd: pytest.CaptureFixture[str], text: str) -> str:
    printed = ""

    def seen() -> bool:
        nonlocal printed
        printed += capfd.readouterr().out
        return text in printed

    await eventually(seen, within_s=20)
    return printed


async def test_ready_is_said_once_when_all_children_are(capfd: pytest.CaptureFixture[str]) -> None:
    running = supervise(child(SERVES.format(code=0, index=0)), child(SERVES.format(code=0, index=1)))
    printed = await until_printed(capfd, "\nREADY ")
    assert printed.splitlines()[-1].startswith("READY worker_id=w0,w1 shards=1 processes=2 pids=")
    assert {line for line in printed.splitlines() if line.startswith("[")} == {
        "[0] READY worker_id=w0 shards=1",
        "[1] READY worker_id=w1 shards=1",
    }
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0


async def test_the_code_of_a_child_that_could_not_drain_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    running = supervise(child(SERVES.format(code=0, index=0)), child(SERVES.format(code=75, index=1)))
    await until_printed(capfd, "\nREADY ")
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 75


async def test_a_crashed_child_is_started_again(capfd: pytest.CaptureFixture[str], tmp_path: os.PathLike[str]) -> None:
    mark = os.path.join(tmp_path, "mark")  # noqa: PTH118 - for a child that knows no pathlib
    running = supervise(child(CRASHES_ONCE + SERVES.format(code=0, index=0), mark))
    await until_printed(capfd, "\nREADY worker_id=w0 ")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0


@pytest.mark.parametrize("code", [2, 69, 78])
async def test_a_child_that_can_not_start_ends_all(code: int) -> None:
    running = supervise(child(SERVES.format(code=0, index=0)), child(f"raise SystemExit({code})"))
    assert await asyncio.wait_for(running, 20) == code


async def test_after_the_second_signal_a_child_that_hangs_is_killed(capfd: pytest.CaptureFixture[str]) -> None:
    running = supervise(child(STUBBORN))
    await until_printed(capfd, "\nREADY ")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait([running], timeout=0.05)
    assert not running.done()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 20) == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("codes", "expected"), [([], 0), ([0, 0], 0), ([0, 75], 75), ([75, 1], 1), ([0, 137, 75], 137), ([69, 0], 69)]
)
def test_the_worst_code_is_the_one_that_says_most(codes: list[int], expected: int) -> None:
    assert worst(codes) == expected
