"""A process of ours: it says READY on its standard output when it serves, and it does not outlive us."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, Signals
from typing import Self

from worker.embedded.orphans import dying_with_parent
from worker.errors import SwarmlineError

READY_WITHIN_S = 30.0
LOG_TAIL_BYTES = 2000


#: what decides how a Swarmline works, and nobody has set for our children
FOREIGN = ("SWARMLINE_", "REDIS_URL", "OTEL_")


def environment_for_children(**own: str) -> dict[str, str]:
    """Return our environment without anybody's settings, plus `own` variables."""
    inherited = os.environ.items()  # noqa: TID251 - handed on
    return {name: value for name, value in inherited if not name.startswith(FOREIGN)} | own


class ChildFailedError(SwarmlineError):
    """A child process ended or stayed silent; the message has the end of its log."""


class Child:
    """One child process; `ready` holds what its READY line named, such as `worker_id`."""

    def __init__(self, title: str, process: Process, log: Path | None) -> None:
        """Wrap a process that was just started; `log` is where its standard error goes, None = to ours."""
        self.title = title
        self.ready: dict[str, str] = {}
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls,
        title: str,
        *arguments: str,
        environment: Mapping[str, str],
        log: Path | None = None,
        directory: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> Self:
        """Start `python -m ARGUMENTS` and return when it is ready; raises ChildFailedError.

        `directory` is where it runs, `prefix` a command that starts it, such as `ip netns exec NAME`.
        """
        errors = log.open("ab") if log else None
        try:
            process = await asyncio.create_subprocess_exec(
                *(*prefix, sys.executable, "-m", *arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                env=environment,
                cwd=directory,
                preexec_fn=dying_with_parent(),
            )
        finally:
            if errors:
                errors.close()
        child = cls(title, process, log)
        try:
            await child._become_ready()
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended (negative: the signal that ended it), None while it runs."""
        return self._process.returncode

    @property
    def is_running(self) -> bool:
        """Tell whether the process exists."""
        return self._process.returncode is None

    async def ask(self, line: str, *, within_s: float) -> str:
        """Write one line to its standard input and return the next of its output; raises ChildFailedError."""
        if self._process.stdin is None:
            raise ChildFailedError(self.title)
        self._process.stdin.write(line.encode() + b"\n")
        return await self._line(within_s)

    def send_signal(self, number: Signals) -> None:
        """Send a signal; harmless when the process is gone."""
        if self.is_running:
            self._process.send_signal(number)

    async def end(self, number: Signals | None = SIGKILL, *, within_s: float = 30.0) -> None:
        """Send a signal, if one is given, and wait until the process is gone; after `within_s` seconds it is killed."""
        if number is not None:
            self.send_signal(number)
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            self.send_signal(SIGKILL)
            await self._process.wait()

    async def _become_ready(self) -> None:
        line = ""
        while not line.startswith("READY"):
            line = await self._line(READY_WITHIN_S)
        self.ready = dict(word.split("=", 1) for word in line.split() if "=" in word)

    async def _line(self, within_s: float) -> str:
        if self._process.stdout is None:
            raise ChildFailedError(self.title)
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        except TimeoutError:
            raise ChildFailedError(f"{self.title} said nothing for {within_s:g} s{self._tail()}") from None
        if not line:
            raise ChildFailedError(f"{self.title} ended with {await self._process.wait()}{self._tail()}")
        return line.decode().strip()

    def _tail(self) -> str:
        text = self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if self._log else ""
        return f":\n{text}" if text else ""
