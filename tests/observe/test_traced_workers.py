"""From the producer through a worker process to a receiver of spans, over the wire and over HTTP."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from signal import SIGTERM

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from producers import Producer
from producers.tracing import TracedProducer
from tests.helpers.eventually import eventually, stays_so
from tests.helpers.otlp_receiver import Receiver, receiving
from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment

Start = Callable[..., SwarmlineProcess]
SECRET = "order 4711 0815"
DEMO = "worker.cli.demo_app:app"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def sent() -> InMemorySpanExporter:
    """Return the spans of the producers in this process: its provider can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def start_traced(start_swarmline: Start, redis_url: str, receiver: Receiver) -> Start:
    def start(app: str = DEMO, **environment: str) -> SwarmlineProcess:
        exporting = {
            "SWARMLINE_TRACING": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        command = ("worker", "--app", app, "--redis-url", redis_url, "--metrics-port", "-1")
        return start_swarmline(*command, **(exporting | environment))

    return start


async def test_one_trace_goes_from_the_sender_to_what_is_published(
    start_traced: Start, receiver: Receiver, sent: InMemorySpanExporter, redis_url: str
) -> None:
    worker = start_traced()
    await worker.ready(within_s=40)
    sent.clear()
    async with TracedProducer(redis_url) as producer:
        reply = await producer.execute("alice-in-chains", "support", f"Where is {SECRET}?", timeout_s=30)
    assert reply.status == "completed"
    await eventually(lambda: "process support" in receiver.names(), within_s=20)
    (send,) = sent.get_finished_spans()
    assert send.name == "send support"
    assert send.context
    process, commit = receiver.named("process support"), receiver.named("commit")
    assert {span.trace_id for span in receiver.spans} == {format_trace_id(send.context.trace_id)}
    assert receiver.named("wait support").parent == format_span_id(send.context.span_id)
    assert receiver.children_of(receiver.named("wait support")) == ["process support"]
    assert process.kind == "consumer"
    assert receiver.children_of(process) == [
        *["chat RuleCompletion"] * 3,
        "check polite",
        "commit",
        "execute_tool order_status",
        "execute_tool transfer_to_sales",
    ]
    assert receiver.children_of(commit) == ["publish support"]
    assert process.start_ns <= commit.start_ns <= commit.end_ns <= process.end_ns
    assert process.attributes["messaging.message.id"] == reply.request_id
    assert process.attributes["gen_ai.agent.name"] == "sales"
    for private in (SECRET, "alice-in-chains", "is on its way"):
        assert private.encode() not in receiver.raw


async def test_an_idle_worker_sends_no_span_and_a_stopped_one_sends_the_last(
    start_traced: Start, receiver: Receiver, redis_url: str
) -> None:
    worker = start_traced(OTEL_BSP_SCHEDULE_DELAY="60000", OTEL_SERVICE_NAME="shop")
    await worker.ready(within_s=40)
    async with Producer(redis_url) as producer:
        await producer.execute("alice", "support", "Hello", timeout_s=30)
    assert receiver.spans == []
    worker.send_signal(SIGTERM)
    assert await worker.ended() == 0
    assert receiver.names() == ["chat RuleCompletion", "check polite", "commit", *_FIXED]
    assert receiver.named("wait support").parent == ""
    assert {resource["service.name"] for resource in receiver.resources} == {"shop"}


_FIXED = ["process support", "publish support", "wait support"]


async def test_an_instrumented_redis_gives_spans_of_tools_and_none_of_our_own_reads(
    start_traced: Start, receiver: Receiver, redis_url: str
) -> None:
    worker = start_traced("tests.observe.instrumented_app:app", SWARMLINE_LEASE_S="0.4")
    await worker.ready(within_s=40)
    async with Producer(redis_url) as producer:
        reply = await producer.execute("alice", "support", f"read {redis_url}", timeout_s=30)
    assert reply.output == "None"
    await stays_so(worker.is_running, for_s=1)  # it renews, sweeps and waits at its doorbell
    worker.send_signal(SIGTERM)
    assert await worker.ended() == 0
    assert receiver.children_of(receiver.named("execute_tool read")) == ["GET"]
    assert [span for span in receiver.spans if span.trace_id != receiver.named("GET").trace_id] == []


async def test_a_receiver_that_is_away_harms_no_turn(start_traced: Start, redis_url: str) -> None:
    worker = start_traced(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    await worker.ready(within_s=40)
    async with Producer(redis_url) as producer:
        for _ in range(3):
            assert (await producer.execute("alice", "support", "Hello", timeout_s=30)).status == "completed"
    worker.send_signal(SIGTERM)
    assert await worker.ended(within_s=30) == 0


async def test_a_caller_may_name_the_trace(
    start_traced: Start, receiver: Receiver, sent: InMemorySpanExporter, redis_url: str
) -> None:
    await start_traced().ready(within_s=40)
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent.clear()
    async with TracedProducer(redis_url) as producer:
        traceparent = f"00-{trace_id}-00f067aa0ba902b7-01"
        request_id = await producer.send("alice", "support", "notify", message="Hi", traceparent=traceparent)
        await producer.result(request_id, timeout_s=30)
    await eventually(lambda: "process support" in receiver.names(), within_s=20)
    (send,) = sent.get_finished_spans()
    assert send.context
    assert receiver.named("process support").trace_id == trace_id == format_trace_id(send.context.trace_id)


def test_without_the_extra_tracing_says_what_to_install(redis_url: str) -> None:
    statement = "import sys; sys.modules['opentelemetry'] = None; from worker.__main__ import main; main()"
    command = [sys.executable, "-c", statement, "worker", "--app", DEMO, "--redis-url", redis_url]
    environment = clean_environment({"SWARMLINE_TRACING": "1", "SWARMLINE_METRICS_PORT": "-1"})
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert "pip install 'swarmline[otel]'" in ended.stderr


def test_nobody_loads_opentelemetry_who_does_not_trace() -> None:
    statement = "import sys, worker.wiring, producers; sys.exit('opentelemetry' in sys.modules)"
    command = [sys.executable, "-c", statement]
    assert subprocess.run(command, cwd=ROOT, env=clean_environment(), check=False).returncode == 0
