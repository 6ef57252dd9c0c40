"""Who is told what the lane did: metrics, health and the log, in one place and after the fact."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from worker.core.outcome import Failed, Refused
from worker.lane.held import HeldSession
from worker.lane.items import Commit
from worker.lane.steps import INTERNAL, Delayed, Ended
from worker.lane.traced import end
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.turn_line import TurnFacts, TurnLine, no_line
from worker.store.commits import CONTROL, OK, CommitStatus
from worker.turn.port import Finished, OpenTurn

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

    def refused(self, commit: Commit, status: CommitStatus) -> None:
        """Count and log a commit that wrote nothing."""
        held, ended = commit.held, commit.ended
        if ended is not None and ended.turn.trace is not None:
            end(ended.turn.trace, commit, ended, status)
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

    def committed(self, commits: Sequence[Commit]) -> None:
        """Count and log turns, after their commit: what is counted here is in Redis."""
        bus = client = private = 0
        times_s: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for commit in commits:
            ended = commit.ended
            if ended is None:
                continue
            turn, finished, swarm = ended.turn, ended.finished, commit.held.swarm.name
            for status, reply_to in commit.replies:
                times_s[swarm, status].append(commit.times_s)
                client += 1
                private += reply_to != ""
            client += len(turn.emits)
            bus += len(finished.events)
            if turn.trace is not None:
                end(turn.trace, commit, ended, OK)
            if turn.number == 1 or finished.dispose or finished.dead_reason or isinstance(finished.outcome, Refused):
                self._count_seldom(swarm, commit, turn, finished)
        for (swarm, status), of_turns_s in times_s.items():
            self.metrics.turns_finished(swarm, status, of_turns_s)
        self.metrics.published(bus, client, private)
        if self.turn_line is not no_line:
            self._log(commits)

    def _count_seldom(self, swarm: str, commit: Commit, turn: OpenTurn, finished: Finished) -> None:
        """Count what most ends are not: the first of a session, a disposal, a dead letter, a refusal."""
        is_control, outcome = commit.step.source is CONTROL, finished.outcome
        if turn.number == 1 and finished.opens and finished.sequenced and not is_control:
            self.metrics.session_opened(swarm)
        if finished.dispose:
            self.metrics.session_disposed(swarm, _reason(commit.step.request.request_id, is_forced=is_control))
        if finished.dead_reason:
            self.metrics.buried(finished.dead_reason, len(finished.together) or 1)
        if isinstance(outcome, Refused):
            direction = "output" if finished.records or is_control else "input"
            self.metrics.policy_refused(outcome.policy_name, direction)

    def _log(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            if commit.ended is not None:
                self.turn_line(_facts(commit, commit.ended))


def _facts(commit: Commit, ended: Ended) -> TurnFacts:
    request, outcome, session = ended.turn.request, ended.finished.outcome, commit.held.session
    return TurnFacts(
        session.client_id,
        session.swarm_name,
        request.request_id,
        request.kind,
        commit.held.claimed.fence,
        commit.step.attempts,
        ended.turn.number,
        commit.agent_name,
        ended.finished.status,
        outcome.code if isinstance(outcome, Failed) else "",
        *commit.times_s,
        request.traceparent,
    )


def _reason(request_id: str, *, is_forced: bool) -> str:
    if request_id.startswith(INTERNAL):
        return "ttl"
    return "force" if is_forced else "request"
