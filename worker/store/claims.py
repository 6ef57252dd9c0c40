"""What a claim gives to its worker: sessions with a fence each, and the requests that wait in them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.keyspace import split_sid
from worker.core.request import AdmittedRequest
from worker.core.session import Session
from worker.errors import QueueUnavailable
from worker.store.kept import KeptSessions
from worker.store.link import Answer, by_name


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What a claim reads of a session; of one that this worker has kept it reads nothing."""

    document: bytes = b""
    history: Sequence[bytes] = ()
    banned: AbstractSet[str] = frozenset()
    journal: Mapping[str, str] = field(default_factory=dict[str, str])
    #: how often the head was handed back unfinished, and how often it is to be tried again; neither is an attempt
    handbacks: int = 0
    retries: int = 0
    #: somebody began the head before, and left notes of it that a commit must clear
    was_begun: bool = False


_NOTHING_READ: Final = StoredSession()


@dataclass(slots=True)
class ClaimedSession:
    """One session as claimed; `attempts` is how often the request at its head was claimed, this time included."""

    sid: str
    swarm_name: str
    fence: str
    attempts: int
    #: lost more than once: it may be what kills workers
    is_suspect: bool
    turn: int
    control: list[AdmittedRequest]
    requests: list[AdmittedRequest]
    #: the session as this worker let go of it
    kept: Session | None
    stored: StoredSession = _NOTHING_READ

    @property
    def client_id(self) -> str:
        """Return whose session it is."""
        return split_sid(self.sid)[1]


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
    sid, fence, attempts, is_suspect, turns, control, stored, *mailbox = parts
    name, turn = sid.decode(), int(turns)
    # Whatever is kept of it ends with this claim: a later one must not meet what is older than this.
    session, found = kept.take(name, turn), _NOTHING_READ
    if stored:
        session, found, swarm_name = None, _read_stored(*stored), split_sid(name)[0]
    elif session is None:
        return None
    else:
        swarm_name = session.swarm_name
    return ClaimedSession(
        name,
        swarm_name,
        fence.decode(),
        attempts,
        is_suspect == 1,
        turn,
        [*map(parse_record, control)] if control else [],
        [*map(parse_record, mailbox)],
        session,
        found,
    )


def _read_stored(
    document: bytes,
    history: list[bytes],
    banned: list[bytes],
    journal: list[bytes],
    begun: Sequence[bytes | None] = (None, None),
) -> StoredSession:
    """Read what is stored of a session.

    `begun` is how often its head was handed back and retried, sent only for one that was begun before.
    """
    policies = {policy.decode() for policy in banned}
    notes = {name.decode(): value.decode() for name, value in by_name(journal).items()}
    handbacks, retries = (int(times or 0) for times in begun)
    was_begun = bool(notes) or handbacks + retries > 0
    return StoredSession(document, history, policies, notes, handbacks, retries, was_begun)


def parse_claim(answer: Answer, kept: KeptSessions) -> Claim:
    """Read the answer of `admit_and_claim` or `claim`; raises `NoLease` and `NotAnnounced`."""
    verdict = checked_verdict(answer)
    if verdict == "unannounced":
        raise NotAnnounced("admission does not know the swarms of this worker")
    if verdict == "stale":
        raise QueueUnavailable("a claim arrived after a younger one of the same worker")
    _, now_ms, admitted, reclaimed, redelivered, counts, described, aside = answer
    counted = {name.decode(): int(count) for name, count in by_name(counts).items()}
    sessions = [session for parts in described if (session := parse_session(parts, kept))]
    set_aside = [(aside[i].decode(), aside[i + 1].decode()) for i in range(0, len(aside), 2)]
    is_partial = len(sessions) < len(described)
    return Claim(int(now_ms), admitted, reclaimed, redelivered, counted, sessions, set_aside, is_partial)


def checked_verdict(answer: Answer) -> str:
    """Return the first word of a script's answer; raises `NoLease` when the worker is not registered."""
    verdict = answer[0].decode()
    if verdict == "unregistered":
        raise NoLease("this worker has no lease")
    return verdict
