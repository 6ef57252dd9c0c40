"""How a turn can end, in the words of the protocol.

Each way has the `status`, the `output` and the `error` (JSON) of its reply.
"""

from typing import NamedTuple

from worker.core.json_text import quote


class Replied(NamedTuple):
    """Done; `output` is the answer."""

    output: str

    status = "completed"
    error = "null"


class Skipped(NamedTuple):
    """Nothing was done: the request is meant for an agent that is not active."""

    agent_name: str

    status = "completed"
    output = ""
    error = "null"


class Refused(NamedTuple):
    """A policy said no; the client reads the ban message."""

    policy_name: str
    output: str

    status = "refused"

    @property
    def error(self) -> str:
        """Return which policy it was."""
        message = quote(f"policy {self.policy_name!r} refused")
        return f'{{"code":"policy_refused","message":{message},"policyName":"{self.policy_name}"}}'


class Cancelled(NamedTuple):
    """Ended from outside: `cancel-output`, `interrupt`, `rollback`, `dispose`."""

    reason: str

    status = "cancelled"
    output = ""
    error = "null"


class Expired(NamedTuple):
    """Reached after its deadline, so never started."""

    deadline_ms: int

    status = "expired"
    output = ""
    error = "null"


class Failed(NamedTuple):
    """No answer; `code` is an error code of the protocol, `message` holds no stack trace and no contents of messages.

    `dead_reason` asks for a dead letter; `""` = none.
    """

    code: str
    message: str
    output: str
    dead_reason: str = ""

    status = "failed"

    @property
    def error(self) -> str:
        """Return what went wrong."""
        return f'{{"code":"{self.code}","message":{quote(self.message)}}}'


Outcome = Replied | Skipped | Refused | Cancelled | Expired | Failed
