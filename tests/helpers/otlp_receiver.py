"""A receiver of spans as OpenTelemetry collectors are: OTLP over HTTP, on a real socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan


class Received(NamedTuple):
    """One span as it was sent; ids are hex, times ns, `parent` is `""` for a root."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str]
    failed: bool
    links: list[str]


class Receiver:
    """Keeps the spans that were sent to `url`, and what their senders say about themselves."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Received] = []
        self.resources: list[dict[str, str]] = []
        self.raw = b""

    def named(self, name: str) -> Received:
        """Return the only span with this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def names(self) -> list[str]:
        """Return the names of all spans, sorted."""
        return sorted(span.name for span in self.spans)

    def children_of(self, parent: Received) -> list[str]:
        """Return the names of the spans right below one, sorted."""
        return sorted(span.name for span in self.spans if span.parent == parent.span_id)

    def take(self, raw: bytes) -> None:
        """Take the body of one request."""
        self.raw += raw
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
            self.spans += [_received(span) for scope in resource.scope_spans for span in scope.spans]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.receiver = receiver = Receiver(f"http://127.0.0.1:{server.server_port}")  # pyright: ignore[reportAttributeAccessIssue]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take spans."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        self.server.receiver.take(body)  # pyright: ignore[reportAttributeAccessIssue]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _received(span: SentSpan) -> Received:
    return Received(
        name=span.name,
        kind=SentSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes={one.key: str(getattr(one.value, str(one.value.WhichOneof("value")))) for one in span.attributes},
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        links=[link.trace_id.hex() for link in span.links],
    )
