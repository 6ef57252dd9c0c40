"""What goes into fenced calls: finished turns for a commit, live output for a flush; flat, as the scripts read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from worker.store.claims import checked_verdict
from worker.store.link import Answer, Argument


class CommitStatus(StrEnum):
    """What became of one item of a fenced call."""

    OK = "ok"
    FENCED = "fenced"  # the session has a younger holder; nothing was written
    MOVED = "moved"  # the request is not at the head; nothing was written
    WRONG_TYPE = "wrong_type"  # a key of the session was overwritten by somebody; nothing was written


#: as Redis answers them
_STATUSES = {status.value.encode(): status for status in CommitStatus}


class Source(StrEnum):
    """Which list of the session a committed request comes from."""

    MAILBOX = "mailbox"
    CONTROL = "control"


#: looked up once: a member of an enum takes as long as four fields, and these are asked for in every turn
OK, MAILBOX, CONTROL = CommitStatus.OK, Source.MAILBOX, Source.CONTROL


#: A request that ends with a commit: its id, its reply, the channel of its sender, and whether the reply is sequenced.
#: An empty reply publishes nothing (it has no sender). Sequenced ones get the session's next seq and go to the outbox;
#: the others are published as they are.
EndedRequest: TypeAlias = tuple[str, str, str, bool]


class DeadLetter(NamedTuple):
    """Why the requests of a commit go to the dead letters, and how often they were tried."""

    reason: str
    error: str
    attempts: int


def commit_item(  # noqa: PLR0913, PLR0917 - all that a turn may write; by position, since this is for every turn
    sid: str,
    fence: str,
    source: Source,
    turn: int,
    requests: Sequence[EndedRequest],
    ttl_ms: int,
    release: bool,  # noqa: FBT001
    wakes: bool = False,  # noqa: FBT001, FBT002
    opens: bool = True,  # noqa: FBT001, FBT002
    dispose: bool = False,  # noqa: FBT001, FBT002
    history_max: int = 0,
    document: str | None = None,
    dead: DeadLetter | None = None,
    journaled: bool = False,  # noqa: FBT001, FBT002
    events_flushed: int = 0,
    records: Sequence[str] = (),
    out: Sequence[str] = (),
    events: Sequence[str] = (),
    bans: Sequence[tuple[str, bool]] = (),
) -> list[str]:
    """Return one item of a commit, flat, as `lua/includes/commit_items.lua` reads it.

    `release` lets go of the session after this item, else its
    holder goes on with the next request; `wakes`, of a control request: the head of the mailbox waits no longer.
    `history_max`: records that the history keeps, where the worker does not keep fewer; 0 = as many as that.
    `document`: None = unchanged. Of `events` so many were flushed already; `bans` are (policy, True = ban) in order.

    The third text is the shape of the item, what it takes to read the others: the same for most items, so the script
    reads it once.
    """
    shape = _spelled(
        (source is CONTROL) + wakes,
        release,
        opens,
        dispose,
        journaled,
        document is not None,
        dead is not None,
        ttl_ms,
        history_max,
        events_flushed,
        len(requests),
        len(records),
        len(out),
        len(events),
        len(bans),
    )
    item = [sid, fence, shape, f"{turn}"]
    if document is not None:
        item.append(document)
    if dead is not None:
        item += (dead.reason, dead.error, f"{dead.attempts}")
    for request_id, reply, reply_to, sequenced in requests:
        # As `_unnumbered` does, in place: there is one in every turn.
        item += (request_id, f",{reply[1:]}" if sequenced and reply else reply, reply_to)
    item += records
    if out:
        item += map(_unnumbered, out)
    item += events
    for policy_name, banned in bans:
        item += (policy_name, "1" if banned else "0")
    return item


@lru_cache(maxsize=1024)
def _spelled(*numbers: int) -> str:
    return " ".join(f"{number:d}" for number in numbers)


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


class HandBack(NamedTuple):
    """One item of a release: a session whose turn did not end."""

    sid: str
    fence: str
    #: the claim counted an attempt for the head, which is taken back
    is_charged: bool = True
    #: the head is to be tried again after so many ms; 0 = it was only cut short, and runs again at once
    wait_ms: int = 0
    #: the head waits for somebody, so this is no retry
    is_parked: bool = False


def _unnumbered(item: str) -> str:
    """Return the JSON of an item for the client so that the script can put its seq in front."""
    return f",{item[1:]}"


class FencedAnswer(NamedTuple):
    """The answer to a fenced call: a status per item, and the held sids that have control waiting."""

    statuses: list[CommitStatus]
    hints: list[str]
    #: PUBLISH calls that nobody listened to
    unheard: int = 0


def parse_fenced(answer: Answer, items: int) -> FencedAnswer:
    """Read the answer of commit, flush or release; raises `NoLease`. An old call that came late changed nothing."""
    if checked_verdict(answer) == "stale":
        return FencedAnswer([CommitStatus.FENCED] * items, [])
    return FencedAnswer([_STATUSES[status] for status in answer[1]], [sid.decode() for sid in answer[2]], answer[3])
