"""The checks: each looks at the evidence of a run for one broken promise; none of them needs Redis."""

from collections import Counter
from collections.abc import Callable, Iterator

from worker.simulate.app import MIXED
from worker.simulate.chain import Link
from worker.simulate.evidence import CONTROL_KINDS, Evidence, Sent, code_of
from worker.simulate.findings import Finding
from worker.simulate.replay import state
from worker.simulate.schedule import HITS_WORKERS, LOSES_CONFIRMED

#: the scripts take Redis' clock once, at their beginning
CLOCK_MARGIN_US = 2_000
#: from the claim of a disposal to its first callback
DISPOSAL_MARGIN_US = 500_000
#: a worker that got no processor for that share of a lease may have lost it, as if somebody had stopped it
LATE_SHARE = 0.5
Check = Callable[[Evidence], Iterator[Finding]]


def lost(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that were taken and have no reply."""
    if evidence.faults.keys() & LOSES_CONFIRMED:
        return
    for sent in evidence.sent.values():
        if sent.taken_us and sent.request_id not in evidence.results:
            yield Finding("lost", f"{sent.request_id} in {sent.sid} has no reply")


def doubled(evidence: Evidence) -> Iterator[Finding]:
    """Find requests with more than one reply, by all that can show it."""
    if evidence.faults.keys() & LOSES_CONFIRMED:
        return
    for request_id, times in evidence.commits.items():
        if times > 1 and request_id in evidence.sent:
            yield Finding("doubled", f"{request_id} was committed {times} times")
    for sid, items in evidence.outboxes.items():
        counts = Counter(item["requestId"] for item in items if item["type"] == "reply")
        yield from (Finding("doubled", f"{one} is {n} times in {sid}'s outbox") for one, n in counts.items() if n > 1)
    for request_id, replies in evidence.heard.items():
        if len(replies) > 1:
            yield Finding("doubled", f"{request_id} was answered {len(replies)} times on its channel")
        if any(reply != evidence.results.get(request_id) for reply in replies):
            yield Finding("doubled", f"{request_id} was answered otherwise than its result key says")


def order(evidence: Evidence) -> Iterator[Finding]:
    """Find requests committed before others that had been taken before they were even sent."""
    for sid, replies in evidence.committed().items():
        latest: Sent | None = None
        for reply in replies:
            sent = evidence.sent[reply["requestId"]]
            if sent.kind in CONTROL_KINDS or sent.kind == "dispose" or reply["status"] == "cancelled":
                continue
            if latest is not None and sent.taken_us and sent.taken_us < latest.invoked_us:
                yield Finding("order", f"{sid}: {latest.request_id} was committed before {sent.request_id}")
            if latest is None or sent.invoked_us > latest.invoked_us:
                latest = sent


def stale(evidence: Evidence) -> Iterator[Finding]:
    """Find replies of an execution after which a younger holder had begun the request again."""
    for request_id, executions in evidence.executions.items():
        reply = evidence.results.get(request_id)
        link = Link.parse(reply["output"]) if reply is not None else None
        answers = [one for one in executions if one.step == "answer"]
        mine = next((one for one in answers if link is not None and one.execution == link.execution), None)
        if reply is None or mine is None:
            continue
        younger = [one for one in answers if mine.at_us < one.at_us < reply["seq"] - CLOCK_MARGIN_US]
        if younger:
            what = f"{request_id}: {mine.execution} was committed after {younger[0].execution} had begun"
            yield Finding("stale", what)


def journal(evidence: Evidence) -> Iterator[Finding]:
    """Find first steps that ran again although an earlier attempt had gone on to the second, so it was on record."""
    if evidence.faults.keys() & LOSES_CONFIRMED:
        return
    for request_id, executions in evidence.executions.items():
        recorded = [one for one in executions if one.step == "second"]
        for again in (one for one in executions if one.step == "first"):
            if any(one.attempt < again.attempt and one.at_us < again.at_us for one in recorded):
                yield Finding("journal", f"{request_id}: attempt {again.attempt} did a recorded step again")


def attempts(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that were started twice although nothing happened to any worker."""
    if evidence.faults.keys() & HITS_WORKERS or evidence.late_s > evidence.lease_s * LATE_SHARE:
        return
    for request_id, reply in evidence.results.items():
        if reply["attempts"] > 1:
            yield Finding("attempts", f"{request_id} was charged {reply['attempts']} attempts")


def status(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that failed, or ended in a way that only control can bring about."""
    for request_id, sent in evidence.sent.items():
        reply = evidence.results.get(request_id)
        if reply is None or reply["status"] == "completed" or sent.message.startswith("poison"):
            continue
        code = code_of(reply)
        unlucky = code == "attempts_exhausted" and evidence.faults.keys() & HITS_WORKERS
        asked_for = (sent.swarm == MIXED and reply["status"] != "failed") or code == "mailbox_full"
        if not (unlucky or asked_for):
            yield Finding("status", f"{request_id} in {sent.sid} ended as {reply['status']} {code}")


def poison(evidence: Evidence) -> Iterator[Finding]:
    """Find poisoned requests that were not buried."""
    for request_id, sent in evidence.sent.items():
        reply = evidence.results.get(request_id)
        if sent.message.startswith("poison") and reply is not None:
            code = code_of(reply)
            if code != "attempts_exhausted":
                yield Finding("poison", f"{request_id} ended as {reply['status']} {code}")


def rubbish(evidence: Evidence) -> Iterator[Finding]:
    """Find entries that are no requests and were not buried once."""
    if evidence.faults.keys() & LOSES_CONFIRMED:
        return
    for mark in sorted(evidence.rubbish):
        if evidence.buried[mark] != 1:
            yield Finding("rubbish", f"{mark} is {evidence.buried[mark]} times among the dead letters")


def disposal(evidence: Evidence) -> Iterator[Finding]:
    """Find disposals by TTL of sessions in which a request had been waiting; only where nothing was held up."""
    if evidence.faults:
        return
    margin_us = DISPOSAL_MARGIN_US + evidence.late_s * 1_000_000
    for sid, replies in evidence.committed().items():
        for began_us, _ in evidence.disposals[sid]:
            for reply in replies:
                waited = reply["acceptedAtMs"] * 1000 < began_us - margin_us
                if waited and reply["seq"] > began_us + margin_us:
                    yield Finding("disposal", f"{sid} was disposed while {reply['requestId']} waited")


def outbox(evidence: Evidence) -> Iterator[Finding]:
    """Find followers that were not given just what the outbox has."""
    if evidence.faults.keys() & LOSES_CONFIRMED:
        return
    for sid, given in evidence.followed.items():
        kept = [item["seq"] for item in evidence.outboxes.get(sid, [])]
        if given != kept:
            missing, more = len(set(kept) - set(given)), len(given) - len(set(given) & set(kept))
            yield Finding("outbox", f"{sid}: of {len(kept)} items a follower missed {missing} and had {more} too many")


def leftovers(evidence: Evidence) -> Iterator[Finding]:
    """Find what is left over."""
    return (Finding("leftovers", what) for what in evidence.leftovers)


CHECKS: tuple[Check, ...] = (
    lost,
    doubled,
    order,
    state,
    stale,
    journal,
    attempts,
    status,
    poison,
    rubbish,
    disposal,
    outbox,
    leftovers,
)


def check(evidence: Evidence) -> list[Finding]:
    """Return everything that the checks find."""
    return [finding for one in CHECKS for finding in one(evidence)]
