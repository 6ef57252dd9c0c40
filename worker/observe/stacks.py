"""What every task and thread is doing right now, in the log: where in the code, never with which values."""

import asyncio
import inspect
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

#: what stands in front of each file name
ROOT = f"{Path(__file__).resolve().parents[2]}/"
MAX_DEPTH = 60

log = structlog.get_logger(__name__)


def dump_stacks_on(number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    """Write the stacks to the log at each such signal, also while the event loop is blocked by Python code."""
    # Not the loop's own handler: that one waits for its turn, and a blocked loop is what people ask about.
    signal.signal(number, lambda _number, frame: dump_stacks(loop, frame))


def dump_stacks(loop: asyncio.AbstractEventLoop, interrupted: FrameType | None = None) -> None:
    """Write one line for each task and thread; `interrupted` is what the main thread was doing."""
    tasks = asyncio.all_tasks(loop)
    for task in sorted(tasks, key=lambda task: task.get_name()):
        log.info("task_stack", task=task.get_name(), stack=list(_awaited(task.get_coro())))
    frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - documented
    for thread in threading.enumerate():
        frame = interrupted if thread is threading.main_thread() and interrupted else frames.get(thread.ident or 0)
        log.info("thread_stack", thread=thread.name, stack=_calls(frame))
    log.info("stacks_written", tasks=len(tasks))


def dump_main_stack(blocked_s: float) -> None:
    """Write where the main thread stands, which has blocked its event loop for so many seconds; from any thread."""
    frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - documented
    frame = frames.get(threading.main_thread().ident or 0)
    log.warning("event_loop_blocked", blocked_s=round(blocked_s, 1), stack=_calls(frame))


def _awaited(awaitable: Any) -> Iterator[str]:
    """Yield where a coroutine stands, then what it waits for, and so on."""
    for _ in range(MAX_DEPTH):
        frame: FrameType | None = getattr(awaitable, "cr_frame", None) or getattr(awaitable, "gi_frame", None)
        if frame is None:
            return
        yield _place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        awaitable = _next(awaitable, frame)


def _next(awaitable: Any, frame: FrameType) -> Any:
    waits_for = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
    if waits_for is not None:
        return waits_for
    # A coroutine that is carried on by hand, as `worker/turn/limits.py` does, is only known to who does it.
    return next((value for value in frame.f_locals.values() if inspect.iscoroutine(value)), None)


def _calls(frame: FrameType | None) -> list[str]:
    if frame is None:
        return []
    return [_place(call.filename, call.lineno, call.name) for call in traceback.extract_stack(frame, MAX_DEPTH)]


def _place(filename: str, line: int | None, name: str) -> str:
    return f"{filename.removeprefix(ROOT)}:{line} {name}"
