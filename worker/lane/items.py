"""What becomes of a request in Redis: one item of a commit, and what is to be told of it once it is there."""

from collections.abc import Sequence

from worker.lane.held import HeldSession
from worker.lane.steps import INTERNAL, Ended, Step
from worker.store.commits import MAILBOX, DeadLetter, EndedRequest, commit_item
from worker.turn.port import EndedTogether


class Commit:
    """The end of a request on its way to Redis.

    `item` is what the script reads. `release`: it lets go of the session. `ended` is None where the request had nothing
    to say any more. `replies`: status, and channel of its sender, of each. `times_s`: how long it waited before its
    turn, and how long that took. `agent_name`: who was active at the end.
    """

    __slots__ = ("agent_name", "ended", "held", "item", "release", "replies", "step", "times_s")

    def __init__(  # noqa: PLR0913, PLR0917 - made in two places, on the hot path
        self,
        held: HeldSession,
        step: Step,
        item: list[str],
        release: bool,  # noqa: FBT001
        ended: Ended | None = None,
        replies: Sequence[tuple[str, str]] = (),
        times_s: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Take the parts."""
        self.held = held
        self.step = step
        self.item = item
        self.release = release
        self.ended = ended
        self.replies = replies
        self.times_s = times_s
        self.agent_name = held.session.active_agent


def commit_of(
    held: HeldSession,
    step: Step,
    ended: Ended,
    times_s: tuple[float, float],
    release: bool,  # noqa: FBT001
) -> Commit:
    """Return what the commit of a finished request writes; what was flushed already is not sent twice."""
    request, turn, finished, claimed = step.request, ended.turn, ended.finished, held.claimed
    requests: Sequence[EndedRequest]
    if finished.together:
        requests = [_ended(one) for one in finished.together]
        replies = [(one.status, one.request.reply_to) for one in finished.together]
    elif request.request_id.startswith(INTERNAL):
        requests, replies = ((request.request_id, "", "", finished.sequenced),), ()
    else:
        requests = ((request.request_id, finished.reply, request.reply_to, finished.sequenced),)
        replies = ((finished.status, request.reply_to),)
    item = commit_item(
        claimed.sid,
        claimed.fence,
        step.source,
        held.session.turn,
        requests,
        finished.session_ttl_ms,
        release,
        finished.wakes,
        finished.opens,
        finished.dispose,
        held.swarm.history_max,
        finished.document,
        DeadLetter(finished.dead_reason, finished.error, step.attempts) if finished.dead_reason else None,
        # What is noted of the head of the mailbox is no matter of a control request.
        step.source is MAILBOX and held.has_notes,
        turn.events_flushed,
        finished.records,
        turn.emits[turn.emits_flushed :] if turn.emits else (),
        finished.events,
        turn.ban_changes,
    )
    return Commit(held, step, item, release, ended, replies, times_s)


def _ended(one: EndedTogether) -> EndedRequest:
    return one.request.request_id, one.reply, one.request.reply_to, one.sequenced


def void_of(held: HeldSession, step: Step, *, release: bool, wakes: bool = False) -> Commit:
    """Return what takes a request off its list: a signal too late, a disposal called off, the end of a parked turn."""
    item = commit_item(
        held.claimed.sid,
        held.claimed.fence,
        step.source,
        held.session.turn,
        ((step.request.request_id, "", "", False),),
        held.swarm.session_ttl_ms,
        release,
        wakes,
        opens=False,
        document=held.session.document() if wakes else None,
        journaled=step.source is MAILBOX and held.claimed.stored.was_begun,
    )
    return Commit(held, step, item, release)
