"""Who is told what the lane did: metrics, health and the log, in one place and after the fact."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from worker.core.outcome import Failed, Refused
from worker.lane.held import HeldSession
from worker.lane.steps import INTERNAL, Delayed, Ended
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.turn_line import TurnFacts, TurnLine, no_line
from worker.store.commits import CONTROL, CommitStatus, FinishedTurn
from worker.turn.port import Finished

if TYPE_CHECKING:
    from worker.observe.tracing import Tracing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observers:
    """Metrics, health and the canonical line of a turn."""

    metrics: Metrics
    health: Health
    turn_line: TurnLine
    #: None: nobody traces
    tracing: "Tracing | None" = None

    def refused(self, held: HeldSession, status: CommitStatus) -> None:
        """Count and log a commit that wrote nothing."""
        self.metrics.fenced(1)
        log.warning("commit_refused", sid=held.claimed.sid, fence=held.claimed.fence, status=status)

    def set_aside(self, sid: str, key: str) -> None:
        """Count and log a session that can't be claimed; it is tried again a minute later."""
        self.metrics.session_set_aside()
        log.error(
            "session_set_aside", sid=sid, key=key, reason="the key was overwritten by somebody: mend or delete it"
        )

    def delayed(self, held: HeldSession, request_id: str, retry: int, delayed: Delayed) -> None:
        """Count and log a turn that is to be tried again."""
        self.metrics.turn_retried(held.swarm.name)
        log.warning(
            "turn_delayed",
            sid=held.claimed.sid,
            request_id=request_id,
            retry=retry,
            wait_s=delayed.wait_ms / 1000,
            reason=delayed.reason,
        )

    def committed(self, held: HeldSession, item: FinishedTurn, ended: Ended, wait_s: float, duration_s: float) -> None:
        """Count and log one turn, after its commit: what is counted here is in Redis."""
        swarm, finished, metrics = held.swarm.name, ended.finished, self.metrics
        request_id, reply, reply_to, is_turn = item.requests[-1]
        if finished.together:
            replies, private = self._replied_together(swarm, item, ended, wait_s, duration_s)
        elif reply:
            metrics.turn_finished(swarm, finished.status, wait_s, duration_s)
            replies, private = 1, int(reply_to != "")
        else:
            # What the scripts ask for by themselves has no sender, gets no reply, and is no request.
            replies = private = 0
        metrics.published(len(item.events), len(ended.turn.emits) + replies, private)
        if self.turn_line is not no_line:
            self.turn_line(_facts(held, item, ended, wait_s, duration_s))
        # What used up no turn of its own, such as an expired request, still names the last one.
        if item.turn == 1 and item.opens and is_turn and item.source is not CONTROL:
            metrics.session_opened(swarm)
        if item.dispose or finished.dead_reason or isinstance(finished.outcome, Refused):
            self._ended_specially(swarm, item, finished, request_id)

    def _replied_together(
        self, swarm: str, item: FinishedTurn, ended: Ended, wait_s: float, duration_s: float
    ) -> tuple[int, int]:
        """Count each reply of a turn; return how many there are, and how many go to channels of their senders."""
        for one in ended.finished.together:
            self.metrics.turn_finished(swarm, one.status, wait_s, duration_s)
        return len(item.requests), sum(request.reply_to != "" for request in item.requests)

    def _ended_specially(self, swarm: str, item: FinishedTurn, finished: Finished, request_id: str) -> None:
        """Count what most ends are not: a disposal, a dead letter, a refusal."""
        is_control, outcome = item.source is CONTROL, finished.outcome
        if item.dispose:
            self.metrics.session_disposed(swarm, _reason(request_id, is_forced=is_control))
        if finished.dead_reason:
            self.metrics.buried(finished.dead_reason, len(item.requests))
        if isinstance(outcome, Refused):
            direction = "output" if finished.records or is_control else "input"
            self.metrics.policy_refused(outcome.policy_name, direction)


def _facts(held: HeldSession, item: FinishedTurn, ended: Ended, wait_s: float, duration_s: float) -> TurnFacts:
    claimed, turn, finished = held.claimed, ended.turn, ended.finished
    request, outcome = turn.request, finished.outcome
    return TurnFacts(
        claimed.client_id,
        claimed.swarm_name,
        request.request_id,
        request.kind,
        claimed.fence,
        item.attempts,
        turn.number,
        item.agent_name,
        finished.status,
        outcome.code if isinstance(outcome, Failed) else "",
        wait_s,
        duration_s,
        request.traceparent,
    )


def _reason(request_id: str, *, is_forced: bool) -> str:
    if request_id.startswith(INTERNAL):
        return "ttl"
    return "force" if is_forced else "request"
