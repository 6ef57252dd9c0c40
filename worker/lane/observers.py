"""Who is told what the lane did: metrics, health and the log, in one place and after the fact."""

from dataclasses import dataclass

import structlog

from worker.core.outcome import Refused
from worker.lane.held import HeldSession
from worker.observe.health import Health
from worker.observe.logs import TurnLine
from worker.observe.metrics import Metrics
from worker.store.commits import CommitStatus, FinishedTurn, Source
from worker.turn.port import Finished

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observers:
    """Metrics, health and the canonical line of a turn."""

    metrics: Metrics
    health: Health
    turn_line: TurnLine

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

    def committed(
        self, held: HeldSession, item: FinishedTurn, finished: Finished, wait_s: float, duration_s: float
    ) -> None:
        """Count and log one turn, after its commit: what is counted here is in Redis."""
        claimed = held.claimed
        for status in [one.status for one in finished.together] or (finished.status,):
            self.metrics.turn_finished(claimed.swarm_name, status, wait_s, duration_s)
        request_id, _, _, is_turn = item.requests[-1]
        is_control = item.source is Source.CONTROL
        self.turn_line(claimed.client_id, claimed.swarm_name, request_id, claimed.fence, finished.status, duration_s)
        # What used up no turn of its own, such as an expired request, still names the last one.
        if item.turn == 1 and item.opens and is_turn and not is_control:
            self.metrics.session_opened(claimed.swarm_name)
        if item.dispose:
            self.metrics.session_disposed(claimed.swarm_name, "ttl" if request_id.startswith("~") else "request")
        if finished.dead_reason:
            self.metrics.buried(finished.dead_reason)
        if isinstance(finished.outcome, Refused):
            direction = "output" if finished.records or is_control else "input"
            self.metrics.policy_refused(finished.outcome.policy_name, direction)
        if item.events:
            self.metrics.events_published(len(item.events))
