"""What goes into fenced calls: finished turns for a commit, live output for a flush; flat, as the scripts read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from worker.store.claims import checked_verdict
from worker.store.link import Answer, Argument


class CommitStatus(StrEnum):
    """What became of one item of a fenced call."""

    OK = "ok"
    FENCED = "fenced"  # the session has a younger holder; nothing was written
    MOVED = "moved"  # the request is not at the head; nothing was written
    WRONG_TYPE = "wrong_type"  # a key of the session was overwritten by somebody; nothing was written


class Source(StrEnum):
    """Which list of the session a committed request comes from."""

    MAILBOX = "mailbox"
    CONTROL = "control"


class EndedRequest(NamedTuple):
    """A request that ends with this commit; an empty `reply` publishes nothing (it has no sender).

    `sequenced` replies get the session's next seq and go to the outbox; the others are published as they are.
    """

    request_id: str
    reply: str
    reply_to: str
    sequenced: bool


@dataclass(slots=True, kw_only=True)
class FinishedTurn:
    """One item of a commit: see `take_item` in `lua/includes/commit_check.lua`, which reads it in this order."""

    sid: str
    fence: str
    source: Source
    turn: int
    requests: Sequence[EndedRequest]
    #: let go of the session after this item; else the holder goes on with its next request
    release: bool
    opens: bool = True
    dispose: bool = False
    ttl_ms: int
    #: the new session document, None = unchanged
    document: str | None = None
    dead_reason: str = ""
    error: str = ""
    attempts: int = 1
    journaled: bool = False
    events_flushed: int = 0
    records: Sequence[str] = ()
    out: Sequence[str] = ()
    events: Sequence[str] = ()
    bans: Sequence[tuple[str, bool]] = field(default=())

    def size(self) -> int:
        """Return about how many characters the item takes in a call."""
        size = 512 + len(self.document or "") + sum(len(request.reply) for request in self.requests)
        return size + sum(map(len, self.records)) + sum(map(len, self.out)) + sum(map(len, self.events))

    def arguments(self) -> list[Argument]:
        """Return the item as the script reads it."""
        flat: list[Argument] = [
            self.sid,
            self.fence,
            self.source,
            self.turn,
            "release" if self.release else "keep",
            "1" if self.opens else "0",
            "1" if self.dispose else "0",
            self.ttl_ms,
            "=" if self.document is None else f"+{self.document}",
            self.dead_reason,
            self.error,
            self.attempts,
            "1" if self.journaled else "0",
            self.events_flushed,
            4 * len(self.requests),
        ]
        for request in self.requests:
            reply = _unnumbered(request.reply) if request.sequenced and request.reply else request.reply
            flat += (request.request_id, reply, request.reply_to, "1" if request.sequenced else "0")
        flat.append(len(self.records))
        flat += self.records
        flat.append(len(self.out))
        flat += map(_unnumbered, self.out)
        flat.append(len(self.events))
        flat += self.events
        flat.append(2 * len(self.bans))
        for policy_name, banned in self.bans:
            flat += (policy_name, "1" if banned else "0")
        return flat


@dataclass(frozen=True, slots=True)
class LiveOutput:
    """One item of a flush: what a turn under way has said so far, and the steps it has finished."""

    sid: str
    fence: str
    out: Sequence[str]
    events: Sequence[str]
    #: journal fields with the request id in front
    journal: dict[str, str]

    def arguments(self) -> list[Argument]:
        """Return the item as `lua/flush.lua` reads it."""
        flat: list[Argument] = [self.sid, self.fence, len(self.out), *map(_unnumbered, self.out)]
        flat += (len(self.events), *self.events)
        flat.append(2 * len(self.journal))
        for name, value in self.journal.items():
            flat += (name, value)
        return flat


def _unnumbered(item: str) -> str:
    """Return the JSON of an item for the client so that the script can put its seq in front."""
    return f",{item[1:]}"


class FencedAnswer(NamedTuple):
    """The answer to a fenced call: a status per item, and the held sids that have control waiting."""

    statuses: list[CommitStatus]
    hints: list[str]


def parse_fenced(answer: Answer, items: int) -> FencedAnswer:
    """Read the answer of commit, flush or release; raises `NoLease`. An old call that came late changed nothing."""
    if checked_verdict(answer) == "stale":
        return FencedAnswer([CommitStatus.FENCED] * items, [])
    return FencedAnswer([CommitStatus(status.decode()) for status in answer[1]], [sid.decode() for sid in answer[2]])
