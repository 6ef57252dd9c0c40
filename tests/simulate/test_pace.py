"""A process that gets no processor says so when it is awake again."""

import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

from tests.helpers.eventually import eventually
from worker.clock import monotonic
from worker.simulate.pace import NOTED_S

WATCHED = "import pathlib; from worker.simulate.pace import watch_pace; watch_pace(pathlib.Path.cwd(), 'p').join()"


async def test_a_process_that_was_stopped_notes_for_how_long(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}  # noqa: TID251 - to hand it on
    process = await create_subprocess_exec(sys.executable, "-c", WATCHED, cwd=tmp_path, env=environment, stdout=PIPE)
    notes = tmp_path / "history" / "pace-p.jsonl"
    await eventually(notes.exists)
    process.send_signal(signal.SIGSTOP)
    stopped_at = monotonic()
    await eventually(lambda: monotonic() > stopped_at + 2 * NOTED_S)
    process.send_signal(signal.SIGCONT)
    await eventually(lambda: notes.read_text().endswith("\n"))
    assert json.loads(notes.read_text().splitlines()[-1])["seconds"] > NOTED_S
    process.kill()
    await process.wait()
