"""Turn the end of a request into one item of a commit."""

from worker.lane.held import HeldSession
from worker.lane.steps import INTERNAL, Ended, Step
from worker.store.commits import MAILBOX, EndedRequest, FinishedTurn
from worker.turn.port import EndedTogether


def commit_item(held: HeldSession, step: Step, ended: Ended, *, release: bool) -> FinishedTurn:
    """Return what the commit of a finished request writes; what was flushed already is not sent twice."""
    request, turn, finished = step.request, ended.turn, ended.finished
    request_id, claimed, session, source = request.request_id, held.claimed, held.session, step.source
    reply = "" if request_id.startswith(INTERNAL) else finished.reply
    own = EndedRequest(request_id, reply, request.reply_to, finished.sequenced)
    # By position, in the order of the fields: by their names it would take twice as long, and this is for every turn.
    return FinishedTurn(
        claimed.sid,
        claimed.fence,
        source,
        session.turn,
        [_ended(one) for one in finished.together] if finished.together else (own,),
        finished.session_ttl_ms,
        release,
        finished.wakes,
        finished.opens,
        finished.dispose,
        held.swarm.history_max,
        finished.document,
        finished.dead_reason or "",
        finished.error,
        step.attempt + step.retries,
        # What is noted of the head of the mailbox is no matter of a control request.
        source is MAILBOX and (held.journaled or held.was_begun),
        turn.events_flushed,
        finished.records,
        turn.emits[turn.emits_flushed :] if turn.emits else (),
        finished.events,
        turn.ban_changes,
        session.active_agent,
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
        journaled=step.source is MAILBOX and held.was_begun,
        ttl_ms=held.swarm.session_ttl_ms,
    )
