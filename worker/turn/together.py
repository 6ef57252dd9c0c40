"""Messages that wait with `whenBusy: coalesce`, and which of them are answered together."""

from collections.abc import Iterable
from typing import cast

from schemas.errors import BadRequest
from schemas.requests import ExecuteBody, parse_body
from worker.core.outcome import Outcome
from worker.core.request import AdmittedRequest

#: the word by which a request in a mailbox says that it may be answered together with others
COALESCE = "coalesce"
#: journal field of a turn that answers several requests: a retry answers the same ones, whatever came since
MARK = "together"
MAX_REQUESTS = 100
MAX_BYTES = 1 << 20


class Together:
    """One of the requests that a turn answers; `outcome` is its own end, None when it gets the end of the turn."""

    __slots__ = ("body", "outcome", "request")

    def __init__(self, request: AdmittedRequest, body: ExecuteBody) -> None:
        self.request = request
        self.body = body
        self.outcome: Outcome | None = None


def run_of(requests: Iterable[AdmittedRequest]) -> list[Together]:
    """Return the unbroken run of requests at the head of a mailbox that are answered together.

    It ends before a body that can't be read: such a request fails by itself, with a dead letter of its own.
    """
    run: list[Together] = []
    size = 0
    for request in requests:
        size += len(request.body)
        if request.when_busy != COALESCE or len(run) == MAX_REQUESTS or (run and size > MAX_BYTES):
            break
        try:
            body = parse_body(request.kind, request.body)
        except BadRequest:
            break
        run.append(Together(request, cast("ExecuteBody", body)))
    return run
