"""Turn the end of a request into one item of a commit."""

from worker.lane.held import HeldSession
from worker.lane.steps import INTERNAL, Ended, Step
from worker.store.commits import EndedRequest, FinishedTurn, Source
from worker.turn.port import EndedTogether


def commit_item(held: HeldSession, step: Step, ended: Ended, *, release: bool) -> FinishedTurn:
    """Return what the commit of a finished request writes; what was flushed already is not sent twice."""
    request, turn, finished = step.request, ended.turn, ended.finished
    reply = "" if request.request_id.startswith(INTERNAL) else finished.reply
    own = EndedRequest(request.request_id, reply, request.reply_to, finished.sequenced)
    return FinishedTurn(
        sid=held.claimed.sid,
        fence=held.claimed.fence,
        source=step.source,
        turn=held.session.turn,
        requests=[_ended(one) for one in finished.together] if finished.together else (own,),
        release=release,
        wakes=finished.wakes,
        opens=finished.opens,
        dispose=finished.dispose,
        ttl_ms=finished.session_ttl_ms,
        history_max=held.swarm.history_max,
        document=finished.document,
        dead_reason=finished.dead_reason or "",
        error=finished.error,
        attempts=step.attempt + step.retries,
        # What is noted of the head of the mailbox is no matter of a control request.
        journaled=step.source is Source.MAILBOX and (held.journaled or held.was_begun),
        events_flushed=turn.events_flushed,
        records=finished.records,
        out=turn.emits[turn.emits_flushed :],
        events=finished.events,
        bans=turn.ban_changes,
        agent_name=held.session.active_agent,
    )


def _ended(one: EndedTogether) -> EndedRequest:
    return EndedRequest(one.request.request_id, one.reply, one.request.reply_to, one.sequenced)


def void_item(held: HeldSession, step: Step, *, release: bool, wakes: bool = False) -> FinishedTurn:
    """Return what takes a request off its list: a signal too late, a disposal called off, the end of a parked turn."""
    return FinishedTurn(
        sid=held.claimed.sid,
        fence=held.claimed.fence,
        source=step.source,
        turn=held.session.turn,
        requests=(EndedRequest(step.request.request_id, "", "", sequenced=False),),
        release=release,
        wakes=wakes,
        opens=False,
        document=held.session.document() if wakes else None,
        journaled=step.source is Source.MAILBOX and held.was_begun,
        ttl_ms=held.swarm.session_ttl_ms,
    )
