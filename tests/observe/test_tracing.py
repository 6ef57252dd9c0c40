"""The spans of one turn, with an exporter in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_trace_id, get_current_span

from tests.turn.recording import Stage, agent, answering, swarm_of
from worker import CompletionMessage, CompletionRequest, Policy, Swarm, ToolCall, Usage, tool
from worker.core.request import AdmittedRequest
from worker.observe.tracing import Tracing
from worker.turn.corridor import take_turn

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
SECRET = "my card is 4711 0815"


@dataclass
class Tracer:
    """An exporter in memory, and the tracing that feeds it."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    tracing: Tracing = field(init=False)

    def __post_init__(self) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def children_of(self, name: str) -> list[str]:
        context = self.named(name).context
        assert context
        return sorted(span.name for span in self.spans if span.parent and span.parent.span_id == context.span_id)

    async def take(
        self, swarm: Swarm, message: str, *, traceparent: str = TRACEPARENT, others: Sequence[AdmittedRequest] = ()
    ) -> None:
        """Carry one message through its turn and its commit."""
        turn = Stage(swarm).open("execute", message=message)
        request = replace(turn.request, traceparent=traceparent)
        turn.trace = self.tracing.begin(request, swarm.name, f"{swarm.name}:alice", 1, 0.25, others)
        finished = await turn.trace.around(take_turn(turn))
        turn.trace.committing()
        code = "agent_error" if finished.status == "failed" else ""
        turn.trace.committed(finished.status, "triage", code, 3, "")


@pytest.fixture
def tracer() -> Tracer:
    return Tracer()


@tool
async def order_status(order_id: int) -> str:
    """Look up where an order is."""
    return f"Order {order_id}, says {format_trace_id(get_current_span().get_span_context().trace_id)}"


class Calling:
    """A completion that calls the tool, then repeats what it said."""

    model = "tiny-1"

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        last = request.messages[-1]
        if last.role == "tool":
            return CompletionMessage(last.content, usage=Usage("tiny-1-0815", 11, 7))
        return CompletionMessage("", [ToolCall("call_a", "order_status", {"order_id": 42})], Usage("tiny-1-0815", 5, 2))


async def is_fine(message: str, session: object) -> bool:
    del session
    return "rude" not in message


SUPPORT = swarm_of(
    agent("triage", Calling(), tools=[order_status]),
    policies=[
        Policy("polite", validate_input=is_fine),
        Policy("short", validate_output=lambda text, _: len(text) < 99),
    ],
)


async def test_a_turn_is_a_tree_in_the_trace_of_its_sender(tracer: Tracer) -> None:
    await tracer.take(SUPPORT, "Where is order 42?")
    assert {format_trace_id(span.context.trace_id) for span in tracer.spans if span.context} == {TRACE_ID}
    process, wait = tracer.named("process support"), tracer.named("wait support")
    assert wait.parent is not None
    assert wait.parent.span_id == 0x00F067AA0BA902B7
    assert tracer.children_of("wait support") == ["process support"]
    assert process.kind is SpanKind.CONSUMER
    assert sum(span.name == "chat tiny-1" for span in tracer.spans) == 2
    checks = ["check polite", "check short"]
    assert tracer.children_of("process support") == [
        *["chat tiny-1"] * 2,
        *checks,
        "commit",
        "execute_tool order_status",
    ]
    assert tracer.children_of("commit") == ["publish support"]


async def test_the_wait_ends_where_the_turn_begins(tracer: Tracer) -> None:
    await tracer.take(SUPPORT, "Where is order 42?")
    wait, process = tracer.named("wait support"), tracer.named("process support")
    assert wait.start_time is not None
    assert wait.end_time == process.start_time == wait.start_time + 250_000_000


async def test_names_ids_and_figures_are_told(tracer: Tracer) -> None:
    await tracer.take(SUPPORT, "Where is order 42?")
    chat = next(span for span in tracer.spans if span.name == "chat tiny-1")
    assert dict(chat.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.agent.name": "triage",
        "gen_ai.request.model": "tiny-1",
        "gen_ai.response.model": "tiny-1-0815",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
    }
    called = tracer.named("execute_tool order_status").attributes or {}
    assert (called["gen_ai.tool.name"], called["gen_ai.tool.call.id"]) == ("order_status", "call_a")
    process = tracer.named("process support").attributes or {}
    assert (process["swarmline.outcome"], process["messaging.message.id"]) == ("completed", "r-1")
    assert (tracer.named("publish support").attributes or {})["messaging.batch.message_count"] == 3


async def test_code_of_a_tool_is_inside_of_the_trace(tracer: Tracer) -> None:
    said: list[str] = []
    swarm = swarm_of(
        agent("triage", Calling(), tools=[order_status], transform=lambda text, _: said.append(text) or text)
    )
    await tracer.take(swarm, "Where is order 42?")
    assert said == [f"Order 42, says {TRACE_ID}"]
    assert not get_current_span().get_span_context().is_valid


async def test_a_failure_is_told_by_its_type_alone(tracer: Tracer) -> None:
    def fail(_: CompletionRequest) -> str:
        raise RuntimeError(SECRET)

    await tracer.take(swarm_of(agent("triage", answering(fail))), SECRET)
    chat = tracer.named("chat function")
    assert not chat.status.is_ok
    assert (chat.attributes or {})["error.type"] == "RuntimeError"
    assert (tracer.named("process support").attributes or {})["error.type"] == "agent_error"
    assert SECRET not in "".join(span.to_json() for span in tracer.spans)


async def test_a_refusal_is_told_with_its_side(tracer: Tracer) -> None:
    await tracer.take(SUPPORT, "a rude word")
    check = tracer.named("check polite").attributes or {}
    assert (check["swarmline.policy.side"], check["swarmline.policy.refused"]) == ("incoming", True)
    assert (tracer.named("process support").attributes or {})["swarmline.outcome"] == "refused"


@pytest.mark.parametrize("traceparent", ["", "rubbish", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
async def test_without_a_trace_of_the_sender_a_turn_begins_one(tracer: Tracer, traceparent: str) -> None:
    await tracer.take(SUPPORT, "Where is order 42?", traceparent=traceparent)
    assert tracer.named("wait support").parent is None
    assert len({span.context.trace_id for span in tracer.spans if span.context}) == 1


async def test_requests_that_are_answered_together_are_linked(tracer: Tracer) -> None:
    other = replace(Stage(SUPPORT).request("execute", message="first"), traceparent=TRACEPARENT)
    await tracer.take(SUPPORT, "second", traceparent="", others=[other])
    (link,) = tracer.named("process support").links
    assert format_trace_id(link.context.trace_id) == TRACE_ID


async def test_a_commit_that_was_refused_published_nothing(tracer: Tracer) -> None:
    trace = tracer.tracing.begin(Stage(SUPPORT).request("execute", message="Hi"), "support", "support:alice", 1, 0)
    trace.committing()
    trace.committed("completed", "triage", "", 3, "fenced")
    assert tracer.children_of("process support") == ["commit"]
    assert tracer.children_of("commit") == []
    assert {(span.attributes or {}).get("error.type") for span in tracer.spans} == {None, "fenced"}


async def test_a_turn_that_was_lost_says_so(tracer: Tracer) -> None:
    trace = tracer.tracing.begin(Stage(SUPPORT).request("execute", message="Hi"), "support", "support:alice", 1, 0)
    trace.abandoned("Fenced")
    assert (tracer.named("process support").attributes or {})["error.type"] == "Fenced"
