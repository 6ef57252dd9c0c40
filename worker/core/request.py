"""One admitted request, as a worker reads it from a mailbox or a control list."""

from dataclasses import dataclass


@dataclass(slots=True)
class AdmittedRequest:
    """One mailbox or control entry; `body` is raw JSON that nobody has parsed yet.

    Nobody changes it. It is not frozen, nor a tuple, as all that is made for each turn: one is slow to make, the other
    takes twice as long to read.
    """

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
