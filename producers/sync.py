"""The producer for programs without an event loop: the same calls, made from any thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar, Unpack

from pydantic import JsonValue

from producers.client import Producer
from producers.listening import Consumer
from producers.packing import ExecuteFields, SendFields
from producers.stream import Resume
from schemas.dead_letters import DeadReason
from schemas.events import BusEvent, CustomEvent
from schemas.keyspace import DEFAULT_NAMESPACE
from schemas.replies import AnyItem, Reply
from schemas.requests import RequestKind

T = TypeVar("T")


class SyncProducer:
    """`Producer` without async; an event loop in a thread of its own does the work. Use it with `with`.

    Any number of threads may share one. Arguments, results and errors are those of `Producer`.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        shards: int | None = None,
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 5.0,
        arq_url: str | None = None,
    ) -> None:
        """Prepare a producer; raise InvalidRequest for settings that can't be."""
        self._producer = Producer(
            url,
            namespace=namespace,
            shards=shards,
            connect_timeout_s=connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
            arq_url=arq_url,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> Self:
        """Connect; raise QueueUnavailable, ProtocolMismatch. `with` does this."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="swarmline producer", daemon=True)
        self._thread.start()
        try:
            self._wait_for(self._producer.open())
        except BaseException:
            self._stop()
            raise
        return self

    def close(self) -> None:
        """Close the connections and end the thread. `with` does this."""
        if self._loop is not None:
            self._wait_for(self._producer.close())
            self._stop()

    def __enter__(self) -> Self:
        """Connect; raise QueueUnavailable, ProtocolMismatch."""
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def execute(
        self,
        client_id: str,
        swarm_name: str,
        message: str,
        *,
        timeout_s: float = 30.0,
        **fields: Unpack[ExecuteFields],
    ) -> Reply:
        """Send a message to the active agent of a session and return the terminal reply, whatever its status is."""
        return self._wait_for(self._producer.execute(client_id, swarm_name, message, timeout_s=timeout_s, **fields))

    def send(
        self,
        client_id: str,
        swarm_name: str,
        kind: RequestKind | str,
        *,
        timeout_s: float = 10.0,
        **fields: Unpack[SendFields],
    ) -> str:
        """Send a request of any kind and return its request id as soon as it is in the stream."""
        return self._wait_for(self._producer.send(client_id, swarm_name, kind, timeout_s=timeout_s, **fields))

    def send_later(
        self,
        client_id: str,
        swarm_name: str,
        kind: RequestKind | str,
        *,
        defer_by: timedelta | float | None = None,
        defer_until: datetime | None = None,
        **fields: Unpack[SendFields],
    ) -> str:
        """Send a request of any kind at a later time and return its request id at once."""
        return self._wait_for(
            self._producer.send_later(client_id, swarm_name, kind, defer_by=defer_by, defer_until=defer_until, **fields)
        )

    def redrive_dead_letters(self, *, reason: DeadReason | str | None = None, swarm_name: str | None = None) -> str:
        """Have dead letters sent again; return the id of the errand."""
        return self._wait_for(self._producer.redrive_dead_letters(reason=reason, swarm_name=swarm_name))

    def dispose_swarm(self, swarm_name: str, *, force: bool = False) -> str:
        """Have every session of a swarm disposed; return the id of the errand."""
        return self._wait_for(self._producer.dispose_swarm(swarm_name, force=force))

    def export_session(
        self, client_id: str, swarm_name: str, *, timeout_s: float = 30.0
    ) -> dict[str, JsonValue] | None:
        """Return all that is kept of a session as JSON, None if it is not there."""
        return self._wait_for(self._producer.export_session(client_id, swarm_name, timeout_s=timeout_s))

    def result(self, request_id: str, *, client_id: str | None = None, timeout_s: float = 30.0) -> Reply:
        """Return the terminal reply of a request that anybody sent."""
        return self._wait_for(self._producer.result(request_id, client_id=client_id, timeout_s=timeout_s))

    def stream(self, client_id: str, swarm_name: str, *, after: Resume = None) -> Iterator[AnyItem]:
        """Follow a session, as `Producer.stream` does; the iterator blocks until there is something."""
        return self._follow(lambda: self._producer.stream(client_id, swarm_name, after=after))

    def events(self, *, client_id: str | None = None) -> Iterator[BusEvent | CustomEvent]:
        """Follow the bus events of one client, or of all; nothing is missed after this has returned."""
        return self._follow(lambda: self._producer.events(client_id=client_id))

    def _follow(self, listen: Callable[[], Consumer[T]]) -> Iterator[T]:
        async def opened() -> Consumer[T]:
            consumer = listen()
            await consumer.opened()
            return consumer

        return self._iterate(self._wait_for(opened()))

    def _iterate(self, consumer: Consumer[T]) -> Iterator[T]:
        try:
            while True:
                yield self._wait_for(consumer.__anext__())
        finally:
            self._wait_for(consumer.aclose())

    def _wait_for(self, work: Coroutine[object, object, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("this producer is not open: use it with `with`")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # KeyboardInterrupt, for one: nobody waits any more
            future.cancel()
            raise

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
