"""`swarmline demo`, started as anyone would: real server, real workers, real input."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest
from redis.asyncio import Redis

from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment
from worker.__main__ import EXIT_INTERRUPTED
from worker.cli.demo_app import SAMPLES
from worker.errors import EXIT_UNAVAILABLE

Start = Callable[..., SwarmlineProcess]
WITHIN_S = 50


async def told_by(process: SwarmlineProcess) -> list[str]:
    assert await process.ended(within_s=WITHIN_S) == 0, process.stdout + process.stderr
    return process.stdout.splitlines()


def said_by(who: str, lines: list[str]) -> list[str]:
    return [line.removeprefix(who).strip() for line in lines if line.startswith(who)]


async def test_each_piped_line_is_answered_by_the_agent_in_charge(start_swarmline: Start) -> None:
    lines = await told_by(start_swarmline("demo", stdin="Where is order 42?\n\nI want my money back for order 42\n"))
    assert said_by("sales", lines)[0].startswith("Order 42 ")
    assert said_by("refunds", lines)[0].startswith("Noted: you get your money for order 42 back")
    assert [line for line in lines if 'requests_completed_total{outcome="completed",swarm="support"}  2' in line]


async def test_it_asks_questions_of_its_own_when_nothing_is_piped_in(start_swarmline: Start) -> None:
    lines = await told_by(start_swarmline("demo"))
    assert said_by("you", lines) == list(SAMPLES)
    assert "Please stay polite. (refused by policy polite)" in "\n".join(lines)


async def test_bus_events_are_shown_in_order_when_asked_for(start_swarmline: Start) -> None:
    lines = await told_by(start_swarmline("demo", "--events", stdin="Hello\n"))
    events = [line.split()[0] for line in said_by("event", lines)]
    assert events == ["commit-execution-begin", "execute", "commit-execution-end"]


async def test_a_killed_worker_costs_time_but_no_answer(start_swarmline: Start) -> None:
    process = start_swarmline("demo", "--kill-a-worker", stdin="Where is order 42?\nI want my money back\n")
    lines = await told_by(process)
    assert said_by("sales", lines)[0].startswith("Order 42 ")
    assert said_by("refunds", lines)[0].startswith("Which order shall I refund?")
    told = "\n".join(said_by("demo", lines))
    assert "SIGKILL to worker" in told
    assert "took the session over" in told


async def test_where_a_redis_is_named_it_runs_there_and_its_keys_stand_apart(
    start_swarmline: Start, redis_url: str, redis: Redis
) -> None:
    lines = await told_by(start_swarmline("demo", stdin="Where is order 42?\n", REDIS_URL=redis_url))
    assert said_by("sales", lines)[0].startswith("Order 42 ")
    assert {key.split(b":")[0] for key in await redis.keys("*") if not key.startswith(b"arq:")} == {b"swarmline-demo"}


async def test_a_named_namespace_is_where_it_runs(start_swarmline: Start, redis_url: str, redis: Redis) -> None:
    arguments = ("demo", "--redis-url", redis_url, "--namespace", "mine")
    await told_by(start_swarmline(*arguments, stdin="Hello\n"))
    assert await redis.exists("mine:{0}:session:support:you")


async def test_a_named_redis_that_does_not_answer_is_told_as_such(start_swarmline: Start) -> None:
    process = start_swarmline("demo", "--redis-url", "redis://:secret@localhost:1")
    assert await process.ended(within_s=WITHIN_S) == EXIT_UNAVAILABLE
    assert "localhost:1" in process.stderr
    assert "secret" not in process.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_told_to_end_leaves_no_files(number: signal.Signals, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "worker", "demo")
    environment = clean_environment({"TMPDIR": str(tmp_path)})
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"Hello\n")
        process.stdin.flush()
        assert any(line.startswith(b"triage") for line in process.stdout)
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        assert process.wait(WITHIN_S) == EXIT_INTERRUPTED
    assert list(tmp_path.iterdir()) == []
