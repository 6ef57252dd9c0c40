"""One pipelined connection for all commands: whatever is waiting goes out as one write, answers match in order."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from redis.exceptions import ResponseError

from producers.answers import Answer
from producers.clock import sleep
from producers.errors import QueueUnavailable
from producers.line import Address, Argument, Line, LineLost, end, keep_open, pack

#: commands in one write
_BATCH: Final = 512
_CONNECTED: Final = "connected"


class Command:
    """One packed command and the future of its answer; harmless when sent twice, as it is after a lost connection."""

    __slots__ = ("future", "packed", "times_sent")

    def __init__(self, packed: bytes, future: "asyncio.Future[Answer]") -> None:
        self.packed = packed
        self.future = future
        self.times_sent = 0

    def answered(self, answer: Answer) -> None:
        """Take the answer, or the ResponseError with which Redis refused the command."""
        if self.future.done():
            return
        if isinstance(answer, ResponseError):
            self.refuse(f"Redis refused the command: {answer}", is_unsure=self.times_sent > 1)
        else:
            self.future.set_result(answer)

    def refuse(self, reason: str, *, is_unsure: bool) -> None:
        """Give up; `is_unsure` tells whether Redis may have carried out the command all the same."""
        if not self.future.done():
            self.future.set_exception(self.fault(reason, is_unsure=is_unsure))

    def fault(self, reason: str, *, is_unsure: bool) -> QueueUnavailable:  # noqa: ARG002 - matters to who sends requests
        """Return the error for whoever waits."""
        return QueueUnavailable(reason)


class Commander:
    """Sends commands in the order in which they come; after a lost connection it sends the unanswered ones again."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._waiting: deque[Command] = deque()
        self._unanswered: deque[Command] = deque()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._worked = False
        #: how the connection is, for messages to callers
        self.state = "not connected yet"

    @property
    def is_connected(self) -> bool:
        """Tell whether commands go out at once."""
        return self.state == _CONNECTED

    def open(self) -> None:
        """Start to connect; commands may be given at once."""
        self._task = asyncio.create_task(keep_open(self._address, self._serve, self._lost), name="producer commands")

    async def close(self) -> None:
        """Close the connection and tell everybody who still waits."""
        if self._task is not None:
            await end(self._task)
        self._refuse_all("the producer was closed")

    def submit(self, command: Command) -> None:
        """Send `command` with the next write; its future gets the answer."""
        if not self._waiting:
            # else the writer knows already: it rests only when there is nothing left
            self._work.set()
        self._waiting.append(command)

    async def call(self, *arguments: Argument, timeout_s: float | None) -> Answer:
        """Send one command and return its answer; raise QueueUnavailable if none came within `timeout_s` seconds."""
        return await self.carry_out(
            Command(pack(arguments), asyncio.get_running_loop().create_future()), timeout_s=timeout_s
        )

    async def carry_out(self, command: Command, *, timeout_s: float | None) -> Answer:
        """Submit a command and return its answer; raise QueueUnavailable as `call` does."""
        self.submit(command)
        try:
            async with asyncio.timeout(timeout_s):
                return await command.future
        except TimeoutError:
            reason = f"no answer from Redis within {timeout_s:g} s ({self.state})"
            raise command.fault(reason, is_unsure=command.times_sent > 0) from None

    async def _serve(self, line: Line) -> None:
        self.state = _CONNECTED
        self._work.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.deliver_answers(self._take_answer))
            tasks.create_task(self._write(line))
            tasks.create_task(self._watch())

    async def _write(self, line: Line) -> None:
        # What callers submit while a write is under way, or in the same round of the event loop, is gathered here and
        # goes out together: under load that is one system call for dozens of commands, without any waiting.
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                await line.write(b"".join([command.packed for command in self._next_batch()]))

    def _next_batch(self) -> list[Command]:
        waiting = self._waiting
        taken = [waiting.popleft() for _ in range(min(len(waiting), _BATCH))]
        # what nobody waits for any more is not sent
        batch = [command for command in taken if not command.future.done()]
        for command in batch:
            command.times_sent += 1
        self._unanswered.extend(batch)
        return batch

    def _take_answer(self, answer: Answer) -> None:
        self._worked = True
        self._unanswered.popleft().answered(answer)

    async def _watch(self) -> None:
        # A frozen server or a cut network leaves the connection open. One look per period at the oldest unanswered
        # command finds it, where a timer per command would cost more than the command.
        oldest: Command | None = None
        while True:
            await sleep(self._address.answer_timeout_s)
            head = self._unanswered[0] if self._unanswered else None
            if head is not None and head is oldest:
                raise LineLost(f"Redis did not answer for {self._address.answer_timeout_s:g} s")
            oldest = head

    def _lost(self, lost: LineLost) -> bool:
        self.state = str(lost)
        self._waiting.extendleft(reversed(self._unanswered))
        self._unanswered.clear()
        if lost.hopeless:
            self._refuse_all(self.state)
        worked, self._worked = self._worked, False
        return worked

    def _refuse_all(self, reason: str) -> None:
        refused: Iterable[Command] = [*self._unanswered, *self._waiting]
        self._unanswered.clear()
        self._waiting.clear()
        for command in refused:
            command.refuse(reason, is_unsure=command.times_sent > 0)
