"""Lines from a pipe, a file or a terminal, without blocking the event loop."""

import asyncio
import io
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from typing import TextIO

PROMPT = "you> "


class Lines:
    """The questions of a demo, one by one."""

    def __init__(self, samples: Sequence[str], source: TextIO = sys.stdin) -> None:
        """Read from `source`, on a terminal with a prompt; `samples` stand in for an empty one."""
        self._samples = samples
        self._source = source
        if isinstance(source, io.TextIOWrapper):
            source.reconfigure(errors="replace")  # one byte that is no UTF-8 must not end the talk
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.is_chat = source.isatty()

    async def questions(self) -> AsyncIterator[str]:
        """Yield each line that is not blank; the samples when there is none at all."""
        loop = asyncio.get_running_loop()
        # A daemon: a read of a terminal can't be cancelled, and must not hold up the end of the program.
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        asked = False
        while (line := await self._queue.get()) is not None:
            asked = True
            yield line
        if not asked and not self.is_chat:
            for sample in self._samples:
                yield sample

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while line := self._source.readline():
            if line.strip():
                loop.call_soon_threadsafe(self._queue.put_nowait, line.strip())
        loop.call_soon_threadsafe(self._queue.put_nowait, None)


def ask_for_line() -> None:
    """Show the prompt of the chat."""
    sys.stdout.write(PROMPT)
    sys.stdout.flush()
