"""Where spans go: to an OTLP receiver over HTTP, which the OTEL_* variables name (extra `otel`)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import get_tracer_provider, set_tracer_provider

from worker.observe.tracing import Tracing

#: what the SDK calls a service that nobody named
_NAMELESS = "unknown_service"


@asynccontextmanager
async def exported(worker_id: str, version: str) -> AsyncGenerator[Tracing]:
    """Hand out tracing; at the end what has not been sent yet is sent.

    An application that has set up OpenTelemetry by itself keeps its provider, and its spans are its own business.
    """
    if isinstance(get_tracer_provider(), TracerProvider):
        yield Tracing()
        return
    provider = TracerProvider(resource=_resource(worker_id, version))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_tracer_provider(provider)
    try:
        yield Tracing(provider)
    finally:
        await asyncio.to_thread(provider.shutdown)


def _resource(worker_id: str, version: str) -> Resource:
    given = Resource.create({SERVICE_VERSION: version, SERVICE_INSTANCE_ID: worker_id})
    if str(given.attributes[SERVICE_NAME]).startswith(_NAMELESS):
        return given.merge(Resource({SERVICE_NAME: "swarmline"}))
    return given
