"""The newest bus events, live, for as long as somebody looks at them."""

import asyncio
import contextlib
from collections import deque

from producers import BusEvent, CustomEvent, Producer, ProducerError
from worker.clock import sleep, wall
from worker.top.rows import Row, event_row

KEPT = 200
RETRY_EVERY_S = 1.0


class Tail:
    """Keeps the newest events as rows, newest first; what comes while nobody looks is not kept."""

    def __init__(self, url: str, namespace: str) -> None:
        """Prepare; nothing is opened yet."""
        self._url = url
        self._namespace = namespace
        self._rows: deque[tuple[str, Row]] = deque(maxlen=KEPT)
        self._seen = 0
        self._task: asyncio.Task[None] | None = None
        #: why there is nothing to see
        self.trouble = ""

    def rows(self) -> dict[str, Row]:
        """Return the newest events, newest first."""
        return dict(reversed(self._rows))

    def begin(self) -> None:
        """Listen from now on."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow())

    async def end(self) -> None:
        """Listen no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(ProducerError):
                await self._listen()
            await sleep(RETRY_EVERY_S)

    async def _listen(self) -> None:
        try:
            async with Producer(self._url, namespace=self._namespace) as producer:
                async for event in producer.events(client_id=None):
                    self.trouble = ""
                    self._keep(event)
        except ProducerError as error:
            self.trouble = str(error)
            raise

    def _keep(self, event: BusEvent | CustomEvent) -> None:
        self._seen += 1
        self._rows.append((str(self._seen), event_row(event, f"{wall():%H:%M:%S}")))
