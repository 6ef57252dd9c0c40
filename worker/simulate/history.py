"""The history of a run: what every process did, one JSON line each, in files that are checked afterwards.

A line has `at_us` (Unix time), `type` (invoke, ok, fail, unknown) and `op`, then what the operation needs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from worker.clock import wall

Type = Literal["invoke", "ok", "fail", "unknown"]
#: one line, as read back
Line = dict[str, Any]

FOLDER = "history"


def now_us() -> int:
    """Return Unix time in microseconds: the processes of a run share one machine and its clock."""
    return int(wall().timestamp() * 1_000_000)


class History:
    """What one process did; every line is on disk when `note` returns, so a killed process loses none."""

    def __init__(self, directory: Path, process: str) -> None:
        """Append to the file of `process` below the directory of the run."""
        folder = directory / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{process}.jsonl").open("a", buffering=1)

    def note(self, outcome: Type, op: str, /, **more: object) -> None:
        """Add one line."""
        self._file.write(json.dumps({"at_us": now_us(), "type": outcome, "op": op, **more}) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def lines_of(directory: Path, *, only: str = "") -> Iterator[Line]:
    """Yield the lines of all processes, or `only` those of one operation; one that a kill cut short is left out."""
    wanted = f'"op": "{only}"' if only else ""  # reading all of them takes seconds
    for path in sorted((directory / FOLDER).glob("*.jsonl")):
        with path.open() as file:
            for text in file:
                if text.endswith("\n") and wanted in text:
                    yield json.loads(text)
