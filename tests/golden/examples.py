"""One example of everything that goes over the wire; the files beside this one hold the exact text of each."""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from schemas.dead_letters import DeadLetter, DeadReason, to_dead_fields
from schemas.events import BusEvent, CustomEvent, EventType, Source
from schemas.replies import Accepted, Delta, Emit, ErrorCode, Notify, Question, Reply, ReplyError, Status
from schemas.requests import RequestKind, WhenBusy, parse_body
from schemas.wire import Request, to_fields

AT_MS = 1_795_365_314_230
SEQ = 1_795_365_314_230_017

BODIES: Mapping[RequestKind, dict[str, JsonValue]] = {
    RequestKind.EXECUTE: {"message": "Where is order 42?", "mode": "tool", "agentName": "triage", "payload": {"n": 1}},
    RequestKind.RUN: {"message": "Translate: привет"},
    RequestKind.COMPLETE: {"message": "Summarise", "payload": ["a", 2.5, None]},
    RequestKind.CONNECT: {},
    RequestKind.COMMIT_USER_MESSAGE: {"message": "Hi", "mode": "user"},
    RequestKind.COMMIT_SYSTEM_MESSAGE: {"message": "Be brief."},
    RequestKind.COMMIT_DEVELOPER_MESSAGE: {"message": 'Be "brief".'},
    RequestKind.COMMIT_ASSISTANT_MESSAGE: {"message": "Hello!", "agentName": "sales"},
    RequestKind.COMMIT_TOOL_OUTPUT: {"toolId": "call_1", "content": "on its way"},
    RequestKind.COMMIT_TOOL_REQUEST: {"request": [{"toolName": "order_status", "params": {"order_id": 42}}]},
    RequestKind.COMMIT_FLUSH: {},
    RequestKind.COMMIT_STOP_TOOLS: {"agentName": "sales"},
    RequestKind.CHANGE_AGENT: {"agentName": "sales"},
    RequestKind.CHANGE_TO_DEFAULT_AGENT: {},
    RequestKind.CHANGE_TO_PREV_AGENT: {},
    RequestKind.EVENT: {"topic": "order.paid", "payload": {"order": 42}},
    RequestKind.EMIT: {"message": "One moment."},
    RequestKind.NOTIFY: {"message": "Your parcel left."},
    RequestKind.CANCEL_OUTPUT: {},
    RequestKind.BAN: {"policyName": "polite"},
    RequestKind.UNBAN: {"policyName": "polite"},
    RequestKind.OPERATOR_ANSWER: {"message": "Yes, I am here.", "questionId": "r-1/2"},
    RequestKind.DISPOSE: {},
}

FULL_REQUEST = Request(
    request_id="r-1",
    client_id="клиент-7",
    swarm_name="support",
    kind=RequestKind.EXECUTE,
    body='{"message":"Hello"}',
    when_busy=WhenBusy.COALESCE,
    reply_to="swarmline:{0}:reply:7f3a",
    deadline_ms=AT_MS,
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    tracestate="vendor=1",
    sent_at_ms=AT_MS - 129,
)


def request_of(kind: RequestKind) -> Request:
    """Return a request of this kind, its body as the models write it."""
    body = parse_body(kind, json.dumps(BODIES[kind])).to_json()
    forced = kind is RequestKind.DISPOSE
    return Request(request_id="r-1", client_id="alice", swarm_name="support", kind=kind, body=body, force=forced)


def reply_of(status: Status, error: ReplyError | None = None, output: str = "") -> Reply:
    """Return a reply that never reached a turn."""
    return Reply(
        request_id="r-1",
        client_id="alice",
        swarm_name="support",
        status=status,
        output=output,
        seq=None,
        agent_name=None,
        turn=None,
        attempts=0,
        error=error,
        accepted_at_ms=AT_MS - 129,
        finished_at_ms=AT_MS,
    )


ANSWER = reply_of(Status.COMPLETED, output="Hi!").model_copy(
    update={"seq": SEQ, "agent_name": "triage", "turn": 3, "attempts": 1}
)
REFUSED = ReplyError(code=ErrorCode.POLICY_REFUSED, message="refused by policy polite", policy_name="polite")
FAILED = ReplyError(code=ErrorCode.AGENT_ERROR, message="the agent gave up")

REPLIES: Mapping[str, Reply] = {
    "completed": ANSWER,
    "completed-skipped": ANSWER.model_copy(update={"output": "", "skipped": True}),
    "refused": ANSWER.model_copy(update={"status": Status.REFUSED, "output": "Please stay polite.", "error": REFUSED}),
    "rejected": reply_of(Status.REJECTED, ReplyError(code=ErrorCode.MAILBOX_FULL, message="1000 requests wait")),
    "expired": reply_of(Status.EXPIRED),
    "cancelled": ANSWER.model_copy(update={"status": Status.CANCELLED, "output": ""}),
    "failed": ANSWER.model_copy(update={"status": Status.FAILED, "output": "Sorry, once more?", "error": FAILED}),
}

CLIENT_ITEMS: Mapping[str, Emit | Notify | Question | Delta] = {
    "emit": Emit(
        seq=SEQ, data="One moment.", agent_name="triage", client_id="alice", swarm_name="support", request_id="r-1"
    ),
    "notify": Notify(
        seq=SEQ + 1, data="Parcel left.", agent_name=None, client_id="alice", swarm_name="support", request_id="r-2"
    ),
    "question": Question(
        seq=SEQ + 2,
        data="Is anybody there?",
        question_id="r-1/2",
        agent_name="human",
        client_id="alice",
        swarm_name="support",
        request_id="r-1",
    ),
    "delta": Delta(
        data="Your or",
        agent_name="triage",
        client_id="alice",
        swarm_name="support",
        request_id="r-1",
        attempt=1,
        index=0,
    ),
}

ACCEPTED = Accepted(request_id="r-1", client_id="alice", swarm_name="support")

_SWARM: dict[str, JsonValue] = {"swarmName": "support"}
_POLICY: dict[str, JsonValue] = {"policyName": "polite", "swarmName": "support"}


def event_of(
    type_: EventType,
    source: Source,
    *,
    input: dict[str, JsonValue] | None = None,  # noqa: A002 - the word of the wire
    output: dict[str, JsonValue] | None = None,
    context: dict[str, JsonValue] | None = None,
) -> BusEvent:
    """Return a bus event of turn 3 of alice."""
    return BusEvent(
        type=type_,
        source=source,
        input=input or {},
        output=output or {},
        context=_SWARM if context is None else context,
        client_id="alice",
        request_id="r-1",
        turn=3,
        attempt=1,
        at_ms=AT_MS,
    )


EVENTS: Mapping[str, BusEvent | CustomEvent] = {
    "execute": event_of(
        EventType.EXECUTE, Source.SESSION, input={"message": "Hello", "mode": "user"}, output={"result": "Hi!"}
    ),
    "run": event_of(EventType.RUN, Source.SESSION, input={"message": "Hello"}, output={"result": "Hi!"}),
    "connect": event_of(EventType.CONNECT, Source.SESSION),
    "emit": event_of(EventType.EMIT, Source.SESSION, input={"message": "One moment."}),
    "ask-operator": event_of(
        EventType.ASK_OPERATOR,
        Source.SESSION,
        input={"message": "Is anybody there?", "questionId": "r-1/2"},
        context={"swarmName": "support", "agentName": "human"},
    ),
    "dispose": event_of(EventType.DISPOSE, Source.SESSION, input={"reason": "ttl"}).model_copy(
        update={"request_id": None, "turn": None, "attempt": None}
    ),
    "commit-user-message": event_of(EventType.COMMIT_USER_MESSAGE, Source.SESSION, input={"message": "Hi"}),
    "commit-tool-output": event_of(
        EventType.COMMIT_TOOL_OUTPUT, Source.SESSION, input={"toolId": "call_1", "content": "on its way"}
    ),
    "commit-execution-begin": event_of(EventType.COMMIT_EXECUTION_BEGIN, Source.EXECUTION),
    "commit-execution-end": event_of(EventType.COMMIT_EXECUTION_END, Source.EXECUTION, output={"status": "completed"}),
    "validate-input": event_of(EventType.VALIDATE_INPUT, Source.POLICY, input={"incoming": "Hello"}, context=_POLICY),
    "ban-client": event_of(EventType.BAN_CLIENT, Source.POLICY, context=_POLICY),
    "set-agent-name": event_of(EventType.SET_AGENT_NAME, Source.SWARM, input={"agentName": "sales"}),
    "emit-output": event_of(
        EventType.EMIT_OUTPUT,
        Source.AGENT,
        input={"mode": "user", "rawResult": "Hi!"},
        output={"result": "Hi!"},
        context={"agentName": "triage"},
    ),
    "push": event_of(
        EventType.PUSH, Source.HISTORY, input={"message": {"role": "user"}}, context={"agentName": "triage"}
    ),
    "set-state": event_of(EventType.SET_STATE, Source.STATE, output={"state": {"n": 1}}, context={"stateName": "cart"}),
    "custom": CustomEvent(
        source="order.paid",
        payload={"order": 42},
        client_id="alice",
        request_id="r-1",
        turn=3,
        attempt=1,
        at_ms=AT_MS,
    ),
}

DEAD_LETTER = DeadLetter(
    reason=DeadReason.BAD_REQUEST,
    error="body of execute: message: Field required",
    attempts=1,
    at_ms=AT_MS,
    original={key.encode(): value.encode() for key, value in to_fields(request_of(RequestKind.CONNECT)).items()},
)


def _as_json(fields: Mapping[str, str]) -> str:
    return json.dumps(dict(fields), ensure_ascii=False, separators=(",", ":"))


def texts() -> dict[str, str]:
    """Return file name -> the text that the models write for it; stream entries are JSON objects of their fields."""
    requests = {f"request.{kind}.json": _as_json(to_fields(request_of(kind))) for kind in RequestKind}
    dead = {key.decode(): value.decode() for key, value in to_dead_fields(DEAD_LETTER).items()}
    return {
        **requests,
        "request.all-fields.json": _as_json(to_fields(FULL_REQUEST)),
        **{f"reply.{name}.json": reply.to_json() for name, reply in REPLIES.items()},
        **{f"client.{name}.json": item.to_json() for name, item in CLIENT_ITEMS.items()},
        **{f"event.{name}.json": event.to_json() for name, event in EVENTS.items()},
        "result.accepted.json": ACCEPTED.to_json(),
        "dead.json": _as_json(dead),
    }
