"""`swarmline simulate` as it is typed: a short run, its report and its exit code."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess

Start = Callable[..., SwarmlineProcess]
SMALL = ("--sessions", "100", "--rate", "60", "--workers", "2", "--producers", "1", "--lease-s", "2")


@pytest.mark.timeout(200)
async def test_a_short_run_holds_every_promise_and_keeps_its_history(start_swarmline: Start, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run = ("--minutes", "0.1", "--seed", "1", "--faults", "kill,client-kill,rubbish", "--keep", str(kept))
    process = start_swarmline("simulate", *run, *SMALL, "--json")
    assert await process.ended(within_s=180) == 0, process.stdout + process.stderr
    report = json.loads(process.stdout)
    assert report["held"]
    assert report["figures"]["requests"] == report["figures"]["replies"] > 100
    operations = [json.loads(line)["type"] for line in (kept / "history" / "p0.jsonl").read_text().splitlines()]
    assert {"invoke", "ok"} <= set(operations)


async def test_the_schedule_is_printed_without_a_run(start_swarmline: Start) -> None:
    process = start_swarmline("simulate", "--schedule", "--seed", "3", "--minutes", "0.2")
    assert await process.ended() == 0
    again = start_swarmline("simulate", "--schedule", "--seed", "3", "--minutes", "0.2")
    assert await again.ended() == 0
    assert process.stdout == again.stdout
    assert "kill" in process.stdout


async def test_an_unknown_fault_is_bad_configuration(start_swarmline: Start) -> None:
    process = start_swarmline("simulate", "--faults", "earthquake")
    assert await process.ended() == 78
    assert "no such fault: earthquake" in process.stderr


def files_in(directory: str) -> list[Path]:
    return list(Path(directory).iterdir())


async def test_a_run_that_is_told_to_end_leaves_no_files(start_swarmline: Start) -> None:
    with tempfile.TemporaryDirectory(prefix="sl-") as directory:  # short enough for a socket
        process = start_swarmline("simulate", *SMALL, TMPDIR=directory)
        await eventually(lambda: "are ready" in process.stderr, within_s=40)
        process.send_signal(SIGTERM)
        assert await process.ended(within_s=40) == 130
        assert files_in(directory) == []
