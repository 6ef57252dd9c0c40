"""What a claim gives to its worker: sessions with a fence each, and the requests that wait in them."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from schemas.keyspace import split_sid
from worker.core.request import AdmittedRequest
from worker.core.session import Session
from worker.errors import QueueUnavailable
from worker.store.kept import KeptSessions
from worker.store.link import Answer, by_name


@dataclass(slots=True)
class ClaimedSession:
    """One session as claimed; `attempts` is how often the request at its head was claimed, this time included."""

    sid: str
    swarm_name: str
    client_id: str
    fence: str
    attempts: int
    #: lost more than once: it may be what kills workers
    is_suspect: bool
    turn: int
    history_length: int
    control: list[AdmittedRequest]
    requests: list[AdmittedRequest]
    journal: dict[str, str]
    #: the session as this worker let go of it; what is stored of it was not read then
    kept: Session | None
    document: bytes = b""
    history: Sequence[bytes] = ()
    banned: AbstractSet[str] = frozenset()
    #: how often the head was handed back unfinished, and how often it is to be tried again; neither is an attempt
    handbacks: int = 0
    retries: int = 0


class Claim(NamedTuple):
    """The answer to one claim.

    `counted` is what became of admitted entries: `accepted:<swarm>:<kind>`, `deduplicated`, `rejected:<code>`,
    `dead:<reason>`, and the replies that were given with it, `answered:<status>:<swarm>`.
    """

    now_ms: int
    admitted: int
    reclaimed: int
    redelivered: int
    counted: dict[str, int]
    sessions: list[ClaimedSession]
    #: (sid, key) of sessions that can't be claimed because somebody overwrote that key
    set_aside: list[tuple[str, str]]
    #: sessions are missing that this worker was believed to have kept: the same call again brings all of them in full
    is_partial: bool = False

    @property
    def verdicts(self) -> dict[str, int]:
        """Return what became of admitted entries, for swarms and kinds together: accepted, dead:malformed, ..."""
        verdicts: dict[str, int] = {}
        for name, count in self.counted.items():
            verdict = name.partition(":")[0] if name.startswith("accepted") else name
            if not verdict.startswith("answered"):
                verdicts[verdict] = verdicts.get(verdict, 0) + count
        return verdicts


class NotAnnounced(QueueUnavailable):
    """Redis has lost what this worker said of its swarms; nothing was admitted or claimed."""


class NoLease(QueueUnavailable):
    """The worker is not registered (any more): its sessions belong to others."""


def parse_record(record: bytes) -> AdmittedRequest:
    """Read one mailbox or control entry; see `make_record` in `lua/includes/record.lua`."""
    header, _, body = record.partition(b"\n")
    (
        request_id,
        kind,
        when_busy,
        force,
        reply_to,
        deadline_ms,
        accepted_at_ms,
        sent_at_ms,
        traceparent,
        tracestate,
        rest,
    ) = header.decode("utf-8", "replace").split("\t")
    if rest:
        body = body[int(rest) :]
    return AdmittedRequest(
        request_id,
        kind,
        when_busy,
        force == "1",
        reply_to,
        int(deadline_ms) if deadline_ms else None,
        int(accepted_at_ms),
        int(sent_at_ms) if sent_at_ms.isdigit() else None,
        traceparent,
        tracestate,
        body,
    )


def parse_session(parts: list[Answer], kept: KeptSessions) -> ClaimedSession | None:
    """Read one session of the answer, see `describe` in `lua/includes/claiming.lua`; None = it is not kept after all.

    Its control requests are 0 when there are none, and what is stored of it when Redis takes the session for kept.
    """
    sid, fence, attempts, is_suspect, turns, records, control, stored, *mailbox = parts
    name, turn, length = sid.decode(), int(turns), int(records)
    # Whatever is kept of it ends with this claim: a later one must not meet what is older than this.
    session = kept.take(name, turn)
    if stored:
        session = None
    elif session is None:
        return None
    else:
        session.history_length = length
    swarm_name, client_id = split_sid(name)
    claimed = ClaimedSession(
        name,
        swarm_name,
        client_id,
        fence.decode(),
        attempts,
        bool(is_suspect),
        turn,
        length,
        [parse_record(record) for record in control] if control else [],
        [parse_record(record) for record in mailbox],
        {},
        session,
    )
    if stored:
        _read_stored(claimed, *stored)
    return claimed


def _read_stored(
    claimed: ClaimedSession,
    document: bytes,
    history: list[bytes],
    banned: list[bytes],
    journal: list[bytes],
    begun: Sequence[bytes | None] = (None, None),
) -> None:
    """Read what is stored of a session.

    `begun` is how often its head was handed back and retried, sent only for one that was begun before.
    """
    claimed.document, claimed.history = document, history
    claimed.banned = {policy.decode() for policy in banned}
    claimed.journal = {name.decode(): value.decode() for name, value in by_name(journal).items()}
    handbacks, retries = begun
    claimed.handbacks, claimed.retries = int(handbacks or 0), int(retries or 0)


def parse_claim(answer: Answer, kept: KeptSessions) -> Claim:
    """Read the answer of `admit_and_claim` or `claim`; raises `NoLease` and `NotAnnounced`."""
    verdict = checked_verdict(answer)
    if verdict == "unannounced":
        raise NotAnnounced("admission does not know the swarms of this worker")
    if verdict == "stale":
        raise QueueUnavailable("a claim arrived after a younger one of the same worker")
    _, now_ms, admitted, reclaimed, redelivered, counts, described, aside = answer
    counted = {name.decode(): int(count) for name, count in by_name(counts).items()}
    sessions = [parse_session(parts, kept) for parts in described]
    found = [session for session in sessions if session is not None]
    set_aside = [(aside[i].decode(), aside[i + 1].decode()) for i in range(0, len(aside), 2)]
    is_partial = len(found) < len(sessions)
    return Claim(int(now_ms), admitted, reclaimed, redelivered, counted, found, set_aside, is_partial)


def checked_verdict(answer: Answer) -> str:
    """Return the first word of a script's answer; raises `NoLease` when the worker is not registered."""
    verdict = answer[0].decode()
    if verdict == "unregistered":
        raise NoLease("this worker has no lease")
    return verdict
