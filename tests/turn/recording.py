"""A lane that writes down what turns ask of it, and a session to send requests to without a server."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from schemas.events import parse_turn_events
from schemas.replies import Reply, parse_reply
from worker import Agent, CompletionMessage, CompletionRequest, Swarm
from worker.core.history import message_of
from worker.core.request import AdmittedRequest
from worker.core.session import Session
from worker.core.shared import SharedChange, SharedValue
from worker.observe.metrics import Metrics
from worker.turn.corridor import open_turn, take_turn
from worker.turn.port import Finished, OpenTurn
from worker.turn.progress import Parked

Answer = Callable[[CompletionRequest], Any]


class RecordingPort:
    """Confirms everything at once; its clock ticks a millisecond each time that it is read."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.journal: dict[str, str] = {}
        self.deltas: list[str] = []
        self.notes: list[str] = []
        self.clock_ms = 1_795_365_314_000
        #: shared states: name -> (version, JSON), and the changes that requests have made
        self.shared_states: dict[str, tuple[int, str]] = {}
        self.applied: dict[tuple[str, str, int], str] = {}
        self.line = asyncio.Lock()
        self.metrics = Metrics()

    async def flush(self, turn: OpenTurn) -> None:
        self.calls.append("flush")
        self.sent.extend(json.loads(item) for item in turn.emits[turn.emits_flushed :])
        turn.emits_flushed = len(turn.emits)
        turn.events_flushed = len(turn.events)
        self.journal.update(turn.journal)
        turn.journal = {}

    async def permit(self, turn: OpenTurn) -> None:
        assert turn.port is self
        self.calls.append("permit")

    async def fresh(self, turn: OpenTurn) -> None:
        assert turn.port is self
        self.calls.append("fresh")

    async def shared(
        self, turn: OpenTurn, name: str, number: int = 0, change: SharedChange | None = None
    ) -> SharedValue:
        self.calls.append("shared")
        version, text = self.shared_states.get(name, (0, ""))
        known = (turn.request.request_id, name, number)
        if change is not None and change.version == version and known not in self.applied:
            version, text = self.shared_states[name] = version + 1, change.text
            self.applied[known] = text
        return SharedValue(version, self.applied.get(known, text), known in self.applied)

    async def park(self, turn: OpenTurn, until_ms: int) -> None:
        turn.parked = Parked(until_ms=until_ms)
        raise asyncio.CancelledError

    def shared_line(self, name: str) -> asyncio.Lock:
        del name
        return self.line

    def now_ms(self) -> int:
        self.clock_ms += 1
        return self.clock_ms

    def publish_delta(self, turn: OpenTurn, text: str) -> None:
        assert turn.port is self
        self.deltas.append(text)

    def spoke(self) -> None:
        self.calls.append("spoke")

    def note(self, name: str) -> None:
        self.notes.append(name)


class Stage:
    """One session of a swarm: send it requests, look at what comes out."""

    def __init__(self, swarm: Swarm, client_id: str = "alice") -> None:
        self.swarm = swarm
        self.port = RecordingPort()
        self.session = Session(client_id=client_id, swarm_name=swarm.name, default_agent=swarm.default_agent)
        self.requests = 0

    def request(self, kind: str, raw: bytes | None = None, **body: Any) -> AdmittedRequest:
        self.requests += 1
        return AdmittedRequest(
            request_id=f"r-{self.requests}",
            kind=kind,
            when_busy="enqueue",
            force=bool(body.pop("force", False)),
            reply_to="",
            deadline_ms=body.pop("deadline_ms", None),
            accepted_at_ms=1_795_365_313_000,
            sent_at_ms=None,
            traceparent="",
            tracestate="",
            body=json.dumps(body).encode() if raw is None else raw,
        )

    def open(self, kind: str, beside: OpenTurn | None = None, attempt: int = 1, **body: Any) -> OpenTurn:
        return open_turn(self.port, self.swarm, self.session, self.request(kind, **body), attempt, beside)

    async def send(self, kind: str, **body: Any) -> Finished:
        return await take_turn(self.open(kind, **body))

    async def say(self, message: str, **body: Any) -> Reply:
        """Execute a message and return its reply."""
        return reply_of(await self.send("execute", message=message, **body))


def reply_of(finished: Finished) -> Reply:
    """Read the reply as a client would, with the seq that the commit script splices in."""
    raw = f'{finished.reply[:-1]},"seq":7}}' if finished.sequenced else finished.reply
    reply = parse_reply(raw)
    assert (reply.seq == 7) is finished.sequenced
    return reply


def trace_of(finished: Finished) -> list[str]:
    """Return the events in order as `source type`, after reading them as an observer would."""
    parsed = parse_turn_events(f"[{','.join(finished.events)}]")
    return [f"{event.source} {getattr(event, 'type', '')}".strip() for event in parsed]


def events_of(finished: Finished, kind: str) -> list[dict[str, Any]]:
    return [event for event in map(json.loads, finished.events) if event.get("type") == kind]


def records_of(finished: Finished) -> list[tuple[str, str]]:
    """Return the new history records as (role, content)."""
    return [(message.role, message.content) for message in map(message_of, finished.records)]


def agent(name: str, completion: Any, **options: Any) -> Agent:
    return Agent(name, completion=completion, **options)


def swarm_of(*agents: Agent, **options: Any) -> Swarm:
    return Swarm("support", agents=agents, default_agent=agents[0].name, **options)


def answering(function: Answer) -> Any:
    """Make a completion of a plain function that returns text or a message."""

    async def complete(request: CompletionRequest) -> CompletionMessage:
        made = function(request)
        return made if isinstance(made, CompletionMessage) else CompletionMessage(made)

    return complete


def contents(messages: Sequence[Any]) -> list[str]:
    return [message.content for message in messages]


async def started(turn: OpenTurn, reached: asyncio.Event) -> asyncio.Task[Finished]:
    """Start a turn as a task and return it once `reached` is set."""
    task = asyncio.create_task(take_turn(turn))
    await reached.wait()
    return task
