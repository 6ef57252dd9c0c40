"""The tasks that sessions run in: one task serves session after session, and stays with the first that waits.

A task for each session costs a tenth of a plain turn, and most turns never wait for anything. A session that does wait
has its task for itself from then on, so whoever cancels it, or sets it a time limit, meets nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import copy_context
from typing import Any, cast

from worker.lane.held import HeldSession
from worker.turn.limits import rest_of


class SessionTasks:
    """Serves sessions in the order in which they come; to be built outside of the turns, whose context it hands on."""

    def __init__(self, serve: Callable[[HeldSession], Coroutine[Any, Any, None]]) -> None:
        """Call `serve` for each session."""
        self._serve = serve
        self._waiting: deque[HeldSession] = deque()
        #: what a session finds in its context variables, and leaves to the next one
        self._context = copy_context()
        #: the task that takes what waits next; the loop knows tasks only weakly
        self._next: asyncio.Task[None] | None = None

    def start(self, taken: Iterable[HeldSession]) -> None:
        """Serve sessions soon."""
        self._waiting.extend(taken)
        if self._waiting and self._next is None:
            self._begin()

    def forget(self) -> None:
        """Serve nobody who has not begun yet."""
        self._waiting.clear()

    def _begin(self) -> None:
        self._next = asyncio.create_task(self._run(), context=self._context.copy())

    def _pass_on(self) -> None:
        self._next = None
        if self._waiting:
            self._begin()

    async def _run(self) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        waiting, serve = self._waiting, self._serve
        while waiting:
            held = waiting.popleft()
            if held.lost:
                continue
            held.task, serving = task, serve(held)
            try:
                waits_for = serving.send(None)
            except StopIteration:
                held.task = None
                if task.cancelling() or copy_context() != self._context:
                    break  # code of a user did something to the task that the next session must not find
            except BaseException:
                self._pass_on()
                raise
            else:
                self._pass_on()
                return await rest_of(serving, waits_for)
        return self._pass_on()
