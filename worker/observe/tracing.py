"""The spans of a turn: wait, process, and inside it policies, models, tools, commit and publish (extra `otel`).

Attributes hold names, ids and figures: nothing of what was said, no client id, no text of an error.
"""

from collections.abc import Awaitable, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Final, TypeVar

from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage] - all instrumentations look at it
    Context,
    attach,
    detach,
    set_value,
)
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    TracerProvider,
    get_current_span,
    get_tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from worker.clock import wall_ns
from worker.core.request import AdmittedRequest
from worker.definitions.completion import CompletionMessage
from worker.observe import span_names as names

_T = TypeVar("_T")
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_NS_PER_S: Final = 1_000_000_000


class Tracing:
    """Begins the spans of turns."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """Take spans from `provider`, by default the global one."""
        self._tracer = get_tracer("swarmline", tracer_provider=provider)

    def begin(
        self,
        request: AdmittedRequest,
        swarm_name: str,
        sid: str,
        attempt: int,
        wait_s: float,
        others: Sequence[AdmittedRequest] = (),
    ) -> "TurnTrace":
        """Begin the spans of a turn that waited `wait_s` seconds, in the trace of who sent its request if it has one.

        `others` are requests that are answered together with it.
        """
        now = wall_ns()
        common = {
            names.SYSTEM: "redis",
            names.DESTINATION: "requests",
            names.MESSAGE_ID: request.request_id,
            names.SWARM: swarm_name,
            names.KIND: request.kind,
            names.GEN_AI_CONVERSATION: sha256(sid.encode()).hexdigest()[:16],
        }
        wait = self._tracer.start_span(
            f"{names.WAIT} {swarm_name}",
            _sender_of(request),
            attributes=common,
            start_time=now - int(wait_s * _NS_PER_S),
        )
        wait.end(now)
        operation = {names.OPERATION_TYPE: names.PROCESS, names.OPERATION_NAME: names.PROCESS}
        span = self._tracer.start_span(
            f"{names.PROCESS} {swarm_name}",
            set_span_in_context(wait, Context()),
            SpanKind.CONSUMER,
            common | operation | {names.ATTEMPT: attempt},
            [Link(get_current_span(_sender_of(other)).get_span_context()) for other in others],
            start_time=now,
        )
        return TurnTrace(self, span, swarm_name)

    def child(self, name: str, parent: Context, kind: SpanKind, start_ns: int) -> Span:
        """Begin a span that is not the current one of any code."""
        return self._tracer.start_span(name, parent, kind, start_time=start_ns)

    @contextmanager
    def inside(self, name: str, attributes: dict[str, str], kind: SpanKind = SpanKind.INTERNAL) -> Generator[Span]:
        """Make a span the current one; what is raised inside gives it its `error.type`, and no text."""
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                _fail(span, type(error).__name__)
                raise

    @staticmethod
    def hush() -> None:
        """Let instrumented libraries make no spans here: idle workers would make them for ever, of blocking reads."""
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))


class TurnTrace:
    """The spans of one turn, up to the answer to its commit."""

    __slots__ = ("_commit", "_commit_ns", "_context", "_span", "_swarm_name", "_tracing")

    def __init__(self, tracing: Tracing, span: Span, swarm_name: str) -> None:
        """Take the span of the turn."""
        self._tracing = tracing
        self._span = span
        self._swarm_name = swarm_name
        self._context = set_span_in_context(span, Context())
        self._commit: Span | None = None
        self._commit_ns = 0

    async def around(self, work: Awaitable[_T]) -> _T:
        """Await the rooms of the turn, so that spans which begin there belong to it."""
        token = attach(self._context)
        try:
            return await work
        finally:
            detach(token)

    async def checking(self, policy_name: str, side: str, work: Awaitable[bool | None]) -> bool | None:
        """Await the verdict of a policy: True lets a text pass, None is no verdict."""
        attributes = {names.POLICY: policy_name, names.SIDE: side}
        with self._tracing.inside(f"{names.CHECK} {policy_name}", attributes) as span:
            passes = await work
            span.set_attribute(names.REFUSED, not passes)
            return passes

    async def asking(self, agent_name: str, model: str, work: Awaitable[CompletionMessage]) -> CompletionMessage:
        """Await the answer of a model."""
        attributes = {names.GEN_AI_OPERATION: names.CHAT, names.GEN_AI_AGENT: agent_name, names.GEN_AI_MODEL: model}
        with self._tracing.inside(f"{names.CHAT} {model}", attributes, SpanKind.CLIENT) as span:
            answer = await work
            usage = getattr(answer, "usage", None)
            if usage is not None:
                span.set_attribute(names.GEN_AI_ANSWERED_BY, usage.model)
                span.set_attribute(names.GEN_AI_INPUT_TOKENS, usage.input_tokens)
                span.set_attribute(names.GEN_AI_OUTPUT_TOKENS, usage.output_tokens)
            return answer

    async def calling(self, tool_name: str, call_id: str, work: Awaitable[_T]) -> _T:
        """Await the result of a tool."""
        attributes = {
            names.GEN_AI_OPERATION: names.EXECUTE_TOOL,
            names.GEN_AI_TOOL: tool_name,
            names.GEN_AI_TOOL_CALL: call_id,
        }
        with self._tracing.inside(f"{names.EXECUTE_TOOL} {tool_name}", attributes):
            return await work

    def committing(self) -> None:
        """Begin the span of the commit."""
        self._commit_ns = wall_ns()
        self._commit = self._tracing.child(names.COMMIT, self._context, SpanKind.CLIENT, self._commit_ns)

    def committed(self, outcome: str, agent_name: str, error: str, published: int, refusal: str) -> None:
        """End the turn with the answer to its commit.

        `error` is the code of a failed turn, `refusal` the status of a commit that wrote nothing; else they are `""`.
        """
        self._span.set_attribute(names.OUTCOME, outcome)
        self._span.set_attribute(names.GEN_AI_AGENT, agent_name)
        if error or refusal:
            _fail(self._span, refusal or error)
        if self._commit is not None:
            self._end_commit(self._commit, published, refusal)
        self._span.end()

    def abandoned(self, reason: str) -> None:
        """End a turn that will not be committed here: its session was lost, or the worker stops."""
        _fail(self._span, reason)
        self._span.end()

    def parked(self) -> None:
        """End a turn that is set aside without an end of its own."""
        self._span.set_attribute(names.OUTCOME, "parked")
        self._span.end()

    def _end_commit(self, commit: Span, published: int, refusal: str) -> None:
        if refusal:
            _fail(commit, refusal)
        else:
            # The script that commits also publishes, so it is as long as the commit.
            within, name = set_span_in_context(commit, Context()), f"{names.PUBLISH} {self._swarm_name}"
            publish = self._tracing.child(name, within, SpanKind.PRODUCER, self._commit_ns)
            publish.set_attribute(names.MESSAGE_COUNT, published)
            publish.end()
        commit.end()


def _fail(span: Span, error_type: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute(names.ERROR_TYPE, error_type)


def _sender_of(request: AdmittedRequest) -> Context:
    """Return the trace that a request was sent in; an empty one if it names none, or nonsense."""
    carrier = {"traceparent": request.traceparent, "tracestate": request.tracestate}
    return _PROPAGATOR.extract(carrier, Context())
