"""How late a process of a run wakes up: a machine that gives a worker no time for a lease is no fault of the worker."""

import threading
from pathlib import Path

from worker.clock import monotonic
from worker.simulate.history import History

TICK_S = 0.05
#: less than that is everyday life on a busy machine
NOTED_S = 0.2


def watch_pace(directory: Path, process: str) -> threading.Thread:
    """Begin to note in a history of its own when `process` got no time: it was stopped, or others had the processor."""
    thread = threading.Thread(target=_watch, args=(History(directory, f"pace-{process}"),), name="pace", daemon=True)
    thread.start()
    return thread


def _watch(history: History) -> None:
    never = threading.Event()
    while True:
        before = monotonic()
        never.wait(TICK_S)
        late_s = monotonic() - before - TICK_S
        if late_s > NOTED_S:
            history.note("ok", "late", seconds=round(late_s, 3))
