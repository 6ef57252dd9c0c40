"""One admitted request, as a worker reads it from a mailbox or a control list."""

from typing import NamedTuple


class AdmittedRequest(NamedTuple):
    """One mailbox or control entry; `body` is raw JSON that nobody has parsed yet."""

    request_id: str
    kind: str
    when_busy: str
    force: bool
    reply_to: str
    deadline_ms: int | None
    accepted_at_ms: int
    sent_at_ms: int | None
    traceparent: str
    tracestate: str
    body: bytes
