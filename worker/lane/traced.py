"""The spans of a turn at its two ends: where it leaves its mailbox, and where its commit is answered."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from worker.core.outcome import Failed
from worker.lane.held import HeldSession
from worker.lane.items import Commit
from worker.lane.steps import Ended, Step
from worker.store.commits import CommitStatus
from worker.turn.corridor import take_turn
from worker.turn.navigation import active_agent
from worker.turn.port import Finished, OpenTurn, Postponed

if TYPE_CHECKING:
    from worker.observe.tracing import Tracing, TurnTrace


def begin(tracing: "Tracing | None", held: HeldSession, step: Step, turn: OpenTurn) -> None:
    """Begin the spans of a turn that was opened just now, if anybody traces."""
    if tracing is None:
        return
    request, claimed = step.request, held.claimed
    wait_s = max(0.0, (held.now_ms() - request.accepted_at_ms) / 1000)
    others = [one.request for one in step.together if one.request is not request]
    turn.trace = tracing.begin(request, claimed.swarm_name, claimed.sid, turn.attempt, wait_s, others)


def traced(turn: OpenTurn) -> Coroutine[Any, Any, Finished | Postponed]:
    """Carry a turn through its rooms, inside of its spans if it has any."""
    rooms = take_turn(turn)
    return rooms if turn.trace is None else turn.trace.around(rooms)


def abandon(turn: OpenTurn, reason: str) -> None:
    """End the spans of a turn that will not be committed by this worker; `reason` is a type of error."""
    if turn.trace is not None:
        turn.trace.abandoned(reason)


def park(turn: OpenTurn) -> None:
    """End the spans of a turn that is parked; it gets new ones when it goes on."""
    if turn.trace is not None:
        turn.trace.parked()


def end(trace: "TurnTrace", commit: Commit, ended: Ended, status: CommitStatus) -> None:
    """End the spans of a turn with the answer to its commit."""
    turn, finished = ended.turn, ended.finished
    error = finished.outcome.code if isinstance(finished.outcome, Failed) else ""
    said = len(turn.emits) - turn.emits_flushed + len(commit.replies)
    refusal = "" if status is CommitStatus.OK else str(status)
    trace.committed(finished.status, active_agent(turn).name, error, len(finished.events) + said, refusal)
