"""What a tool call did to its turn, as JSON, so that a turn that is run again can do it without calling the tool."""

from typing import NamedTuple, cast

from pydantic import JsonValue

from worker.core.outcome import Failed
from worker.turn.port import OpenTurn
from worker.turn.progress import Batch


class Mark(NamedTuple):
    """Where a turn stood before a tool call."""

    records: int
    events: int
    ban_changes: int


def mark(turn: OpenTurn) -> Mark:
    """Return where the turn stands."""
    return Mark(len(turn.records), len(turn.events), len(turn.ban_changes))


def effects_since(turn: OpenTurn, batch: Batch, start: Mark) -> dict[str, object]:
    """Return what changed since the mark, fit for JSON."""
    progress = turn.progress
    return {
        "records": turn.records[start.records :],
        "events": turn.events[start.events :],
        "banChanges": turn.ban_changes[start.ban_changes :],
        "document": turn.session.document(),
        "route": sorted(progress.route),
        "counts": [progress.asked, progress.steps, progress.emitted, progress.calls],
        "answer": progress.answer,
        "emitted": batch.emitted,
        "stopped": batch.stopped,
        "cancelledBy": turn.cancelled_by,
        "fault": progress.fault,
    }


def repeat(turn: OpenTurn, batch: Batch, effects: dict[str, JsonValue]) -> None:
    """Do again what a recorded tool call did."""
    progress = turn.progress
    turn.records.extend(cast("list[str]", effects["records"]))
    progress.question = None
    turn.events.extend(cast("list[str]", effects["events"]))
    for policy_name, banned in cast("list[tuple[str, bool]]", effects["banChanges"]):
        turn.ban_changes.append((policy_name, banned))
        (turn.session.banned.add if banned else turn.session.banned.discard)(policy_name)
    # What became of a later question is no effect of this call.
    resolved = turn.session.resolved
    turn.session.read(cast("str", effects["document"]))
    turn.session.resolved = resolved
    progress.route = frozenset(cast("list[str]", effects["route"]))
    counts = cast("list[int]", effects["counts"])
    progress.asked, progress.steps, progress.emitted, progress.calls = counts
    progress.answer = cast("str | None", effects["answer"])
    batch.emitted = cast("str | None", effects["emitted"])
    batch.stopped = cast("bool", effects["stopped"])
    turn.cancelled_by = cast("str", effects["cancelledBy"])
    fault = cast("list[str] | None", effects.get("fault"))
    progress.fault = None if fault is None else Failed(*fault)
