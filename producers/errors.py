"""Everything that a Producer raises."""

# ProducerError
# ├── InvalidRequest     the call can't become a request: change it; nothing was sent
# ├── ProtocolMismatch   the namespace speaks another protocol version, or has another number of shards
# ├── QueueUnavailable   Redis could not be reached, or refused the command
# └── ReplyTimeout       no terminal reply within the caller's time; the request may still be answered


class ProducerError(Exception):
    """The root of all errors of this package."""


class InvalidRequest(ProducerError, ValueError):
    """The call can't become a request; the text says what to change. Nothing was sent."""


class ProtocolMismatch(ProducerError):
    """The namespace in Redis speaks another protocol version or has another number of shards than this producer."""


class QueueUnavailable(ProducerError):
    """Redis could not be reached in time, or refused the command.

    `may_be_accepted` tells whether the request may have been taken on all the same. To find out, or to send it again
    without running it twice, use the same `request_id` ("" where no request was meant to be sent).
    """

    def __init__(self, reason: str, *, request_id: str = "", may_be_accepted: bool = False) -> None:
        super().__init__(reason + _advice(request_id, may_be_accepted=may_be_accepted))
        self.request_id = request_id
        self.may_be_accepted = may_be_accepted


class ReplyTimeout(ProducerError, TimeoutError):
    """No terminal reply in time. `state` says where the request was then, `holder` the worker that had its session.

    `state` is `waiting` (accepted, not yet begun), `held` (a worker has its session) or `unknown` (no trace of it).
    """

    def __init__(self, request_id: str, timeout_s: float, *, state: str, where: str, holder: str = "") -> None:
        super().__init__(f"no reply to request {request_id} within {timeout_s:g} s: {where}")
        self.request_id = request_id
        self.state = state
        self.holder = holder


def _advice(request_id: str, *, may_be_accepted: bool) -> str:
    if not request_id:
        return ""
    if may_be_accepted:
        return (
            f"; request {request_id} may have been accepted: ask for its result, "
            f"or send it again with the same request id, so that it can't run twice"
        )
    return f"; request {request_id} was not accepted"
