"""How a turn can end."""

from typing import NamedTuple


class Replied(NamedTuple):
    """Done; `output` is the answer."""

    output: str


class Skipped(NamedTuple):
    """Nothing was done: the request is meant for an agent that is not active."""

    agent_name: str


class Refused(NamedTuple):
    """A policy said no; the client reads the ban message."""

    policy_name: str
    ban_message: str


class Cancelled(NamedTuple):
    """Ended from outside: `cancel-output`, `interrupt`, `rollback`, `dispose`."""

    reason: str


class Expired(NamedTuple):
    """Reached after its deadline, so never started."""

    deadline_ms: int


class Failed(NamedTuple):
    """No answer; `code` is an error code of the protocol, `message` holds no stack trace and no contents of messages.

    `dead_reason` asks for a dead letter; `""` = none.
    """

    code: str
    message: str
    output: str
    dead_reason: str = ""


Outcome = Replied | Skipped | Refused | Cancelled | Expired | Failed
