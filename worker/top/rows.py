"""What the tables say: a view as rows of text, each with a key that stays the same from one look to the next."""

from collections.abc import Iterator, Mapping

from schemas.events import BusEvent, CustomEvent
from worker.core.cluster_sample import ClusterSample
from worker.core.request import AdmittedRequest
from worker.core.seen import SessionSeen
from worker.top.view import Pane, View
from worker.top.words import compact, duration

Row = tuple[str, ...]
ERROR_WIDTH = 60
EVENT_WIDTH = 200

COLUMNS: Mapping[Pane, Row] = {
    Pane.WORKERS: ("worker, and what it runs", "lease", "holds", "kind", "request", "since", "try"),
    Pane.SESSIONS: ("session", "status", "waiting", "kind", "request", "since", "try", "turns", "holder, or when due"),
    Pane.QUEUES: (
        "shard", "workers", "oldest", "to admit", "ready", "held", "delayed", "idle", "dead", "stream",
    ),
    Pane.DEAD: ("age", "reason", "session", "kind", "tries", "error", "request"),
    Pane.EVENTS: ("at", "client", "turn", "source", "type", "contents"),
}  # fmt: skip


def rows_of(view: View, pane: Pane) -> dict[str, Row]:
    """Return the rows of a pane by their keys; events come from elsewhere."""
    match pane:
        case Pane.WORKERS:
            return dict(_workers(view))
        case Pane.SESSIONS:
            return {session.sid: _session(session, view.now_ms) for session in view.sessions}
        case Pane.QUEUES:
            return {str(number): _queue(str(number), sample) for number, sample in enumerate(view.shards)}
        case Pane.DEAD:
            return dict(_dead(view))
        case Pane.OVERVIEW | Pane.EVENTS:
            return {}


def matching(rows: Mapping[str, Row], wanted: str) -> dict[str, Row]:
    """Return the rows in which a text occurs, whatever its case."""
    needle = wanted.casefold()
    return {key: row for key, row in rows.items() if needle in key.casefold() or needle in " ".join(row).casefold()}


def request_row(request: AdmittedRequest, now_ms: int) -> Row:
    """Return a request that waits: kind, id, how long it has waited."""
    return request.kind, request.request_id, duration(now_ms - request.accepted_at_ms)


def event_row(event: BusEvent | CustomEvent, at: str) -> Row:
    """Return an event that came at a time of day."""
    turn = "" if event.turn is None else str(event.turn)
    if isinstance(event, CustomEvent):
        return at, event.client_id, turn, event.source, "", compact(event.payload)[:EVENT_WIDTH]
    contents = event.output or event.input
    return at, event.client_id, turn, event.source, event.type, compact(contents)[:EVENT_WIDTH] if contents else ""


def _workers(view: View) -> Iterator[tuple[str, Row]]:
    for worker in view.workers:
        left_ms = worker.lease_end_ms - view.now_ms
        lease = duration(left_ms) if left_ms > 0 else f"over for {duration(-left_ms)}"
        yield worker.worker_id, (worker.worker_id, lease, f"{worker.held:,}", "", "", "", "")
        for session in worker.runs:
            head = _head(session, view.now_ms)
            yield f"{worker.worker_id} {session.sid}", (f"  {session.sid}", "", "", *head, str(session.attempts))
        if worker.held > len(worker.runs):
            more = f"  and {worker.held - len(worker.runs):,} more"
            yield f"{worker.worker_id} more", (more, "", "", "", "", "", "")


def _session(session: SessionSeen, now_ms: int) -> Row:
    due = f"in {duration(session.due_at_ms - now_ms)}" if session.due_at_ms else ""
    tries = str(session.attempts) if session.head else ""
    return (
        session.sid,
        session.status,
        f"{session.waiting:,}",
        *_head(session, now_ms),
        tries,
        f"{session.turn:,}",
        session.holder or due,
    )


def _head(session: SessionSeen, now_ms: int) -> Row:
    return request_row(session.head, now_ms) if session.head else ("", "", "")


def _queue(shard: str, sample: ClusterSample) -> Row:
    lag = "unknown" if sample.stream_lag is None else f"{sample.stream_lag:,}"
    counts = (sample.ready, sample.held, sample.delayed, sample.sessions_active, sample.dead, sample.stream_length)
    oldest = duration(sample.oldest_waiting_s * 1000)
    return (shard, str(sample.workers_live), oldest, lag, *(f"{number:,}" for number in counts))


def _dead(view: View) -> Iterator[tuple[str, Row]]:
    for letter in view.dead:
        original = letter.original
        sid = f"{original.get('swarmName', '?')}:{original.get('clientId', '?')}"
        row = (
            duration(view.now_ms - letter.at_ms) if letter.at_ms else "?",
            letter.reason or "unreadable",
            sid,
            original.get("kind", ""),
            str(letter.attempts),
            letter.error[:ERROR_WIDTH],
            original.get("requestId", ""),
        )
        yield f"{letter.shard}/{letter.entry_id}", row
