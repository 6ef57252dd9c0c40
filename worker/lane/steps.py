"""What a claim asks its holder to do, one request after the other."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from worker.core.request import AdmittedRequest
from worker.store.claims import ClaimedSession
from worker.store.commits import CONTROL, MAILBOX, Source
from worker.turn.port import Finished, OpenTurn
from worker.turn.together import Together

#: begins the request ids that the scripts make themselves; such a request has no sender and gets no reply
INTERNAL = "~"
#: what admission puts into the control list for a turn that is running; void when that turn has ended
SIGNALS = frozenset({"interrupt", "rollback"})


@dataclass(slots=True)
class Step:
    """One request of a claim; `attempt` counts the claims of it, this one included.

    Not counted are `handbacks`, when a worker stopped in the middle of it, and `retries`, when its agent asked for one.
    `together` has all requests that are answered with it, itself the last of them, where there are several.
    """

    source: Source
    request: AdmittedRequest
    attempt: int
    handbacks: int = 0
    retries: int = 0
    together: Sequence[Together] = ()

    @property
    def attempts(self) -> int:
        """Return how often its sender would say that it was tried."""
        return self.attempt + self.retries

    @property
    def is_forced_disposal(self) -> bool:
        """Tell whether this ends the session at once, with all that waits in it."""
        return self.source is CONTROL and self.request.kind == "dispose"


class Void(NamedTuple):
    """A request that has nothing to say any more; `wakes`: it has ended the parked turn of the session."""

    wakes: bool = False


class Delayed(NamedTuple):
    """A request that did not come to its end: its session is set aside, and runs again after so many ms.

    `reason`: the error because of which it is tried again; `""`: it waits for somebody.
    """

    wait_ms: int
    reason: str = ""


@dataclass(slots=True)
class Ended:
    """A request that came to its end, and what its commit writes; `first` is another end that goes before it."""

    turn: OpenTurn
    finished: Finished
    first: "tuple[Step, Ended] | None" = None


def control_steps(claimed: ClaimedSession) -> deque[Step]:
    """Return the control requests of a claim, in order."""
    return deque(Step(CONTROL, request, 1) for request in claimed.control)


def mailbox_steps(claimed: ClaimedSession) -> deque[Step]:
    """Return the requests that waited in the mailbox, in order; only the first was claimed before."""
    if not claimed.requests:
        return deque()
    head, *others = claimed.requests
    stored = claimed.stored
    first = Step(MAILBOX, head, claimed.attempts or 1, stored.handbacks, stored.retries)
    return deque((first, *[Step(MAILBOX, request, 1) for request in others]))
