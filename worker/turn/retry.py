"""An error that may be gone later: the turn is dropped and tried again, as long as it may be."""

from worker.core.outcome import Failed
from worker.errors import Retryable, SwarmlineError
from worker.turn.guard import survive
from worker.turn.port import OpenTurn, Postponed


class PostponedError(SwarmlineError):
    """Carries a postponement through tools and callbacks up to the corridor; whoever else catches it is wrong."""

    def __init__(self, postponed: Postponed) -> None:
        """Take what the corridor returns."""
        super().__init__(postponed.message)
        self.postponed = postponed


def postpone(turn: OpenTurn, message: str, error: Retryable) -> None:
    """Postpone the turn, which raises `PostponedError`, or note that it fails for good.

    `message` says who raised, and holds no contents of messages.
    """
    if turn.tries.left and not turn.cancelled_by:
        raise PostponedError(Postponed(message, error.after_s)) from error
    survive(turn, "agent_error", error, message)
    if turn.progress.fault is None:
        turn.progress.fault = _for_good(turn, message)


def _for_good(turn: OpenTurn, message: str) -> Failed:
    retries = turn.tries.retries
    if retries:
        message = f"{message}, in each of {retries + 1} tries"
        return Failed("attempts_exhausted", message, "", "attempts_exhausted")
    return Failed("agent_error", message, "", "agent_error" if turn.swarm.bury_agent_errors else "")
