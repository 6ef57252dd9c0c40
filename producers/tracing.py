"""A producer that sends the trace of its caller along with each request (extra `otel`)."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Unpack, cast

from opentelemetry.trace import Span, SpanKind, StatusCode, get_tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from producers.client import Producer
from producers.packing import Envelope, ExecuteFields, SendFields
from schemas.replies import Reply
from schemas.requests import RequestKind

_PROPAGATOR: Final = TraceContextTextMapPropagator()


class TracedProducer(Producer):
    """`Producer` with a span for each request; the worker's spans become its children.

    The spans go to the global tracer provider, which the program has set up. That of `execute` is as long as the wait
    for the reply. A `traceparent` that the caller gives is taken for the parent.
    """

    async def execute(
        self,
        client_id: str,
        swarm_name: str,
        message: str,
        *,
        timeout_s: float = 30.0,
        **fields: Unpack[ExecuteFields],
    ) -> Reply:
        """Do what `Producer.execute` does."""
        with _sending(swarm_name, RequestKind.EXECUTE, fields) as span:
            reply = await super().execute(client_id, swarm_name, message, timeout_s=timeout_s, **fields)
            span.set_attribute("messaging.message.id", reply.request_id)
            span.set_attribute("swarmline.outcome", reply.status)
            return reply

    async def send(
        self,
        client_id: str,
        swarm_name: str,
        kind: RequestKind | str,
        *,
        timeout_s: float = 10.0,
        **fields: Unpack[SendFields],
    ) -> str:
        """Do what `Producer.send` does."""
        with _sending(swarm_name, kind, fields) as span:
            request_id = await super().send(client_id, swarm_name, kind, timeout_s=timeout_s, **fields)
            span.set_attribute("messaging.message.id", request_id)
            return request_id

    async def send_later(
        self,
        client_id: str,
        swarm_name: str,
        kind: RequestKind | str,
        *,
        defer_by: timedelta | float | None = None,
        defer_until: datetime | None = None,
        **fields: Unpack[SendFields],
    ) -> str:
        """Do what `Producer.send_later` does."""
        with _sending(swarm_name, kind, fields) as span:
            request_id = await super().send_later(
                client_id, swarm_name, kind, defer_by=defer_by, defer_until=defer_until, **fields
            )
            span.set_attribute("messaging.message.id", request_id)
            return request_id


@contextmanager
def _sending(swarm_name: str, kind: RequestKind | str, fields: Envelope) -> Generator[Span]:
    """Make a span the current one and put it into `fields`."""
    carrier = cast("dict[str, str]", fields)
    parent = _PROPAGATOR.extract(carrier) if "traceparent" in fields else None
    attributes = {
        "messaging.system": "redis",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": "requests",
        "swarmline.swarm": swarm_name,
        "swarmline.kind": str(kind),
    }
    with get_tracer("swarmline").start_as_current_span(
        f"send {swarm_name}",
        parent,
        SpanKind.PRODUCER,
        attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        _PROPAGATOR.inject(carrier)
        try:
            yield span
        except BaseException as error:
            span.set_status(StatusCode.ERROR)
            span.set_attribute("error.type", type(error).__name__)
            raise
