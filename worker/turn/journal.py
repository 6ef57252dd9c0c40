"""The journal of a turn: finished steps are not run again when the turn is, after a crash (architecture, section 7).

A step is written by the flush that precedes the next one, or an async hook that looks at its result; inside a tool,
where anything may follow, at once. The last step of a turn is never written, since the commit that follows clears the
journal, so a turn of one question to a model costs no extra round trip.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import cast

from pydantic import JsonValue
from pydantic_core import from_json

from worker.core.json_text import dumps
from worker.turn.port import OpenTurn


def next_step(turn: OpenTurn) -> int:
    """Return the number of a step that starts now, from 1."""
    turn.progress.steps += 1
    return turn.progress.steps


async def may_start(turn: OpenTurn) -> None:
    """Wait until a step may start and all finished ones are on record; raises `Fenced`."""
    await turn.port.permit(turn)
    await write(turn)


async def write(turn: OpenTurn) -> None:
    """Put all finished steps on record; raises `Fenced`."""
    unwritten = turn.progress.unwritten
    for number, encode in unwritten:
        turn.journal[f"step/{number}"] = encode()
    unwritten.clear()
    if turn.journal:
        await turn.port.flush(turn)


def keep(turn: OpenTurn, number: int, entry: Callable[[], str]) -> None:
    """Remember a finished step; `entry` is called only if it gets written."""
    turn.progress.unwritten.append((number, entry))


def entry_of(name: str, given: object, result: object) -> str:
    """Return the journal entry of a finished step: JSON with name, hash of what it was given, and result."""
    return dumps({"name": name, "input": _digest(given), "result": result})


def recorded(turn: OpenTurn, number: int, name: str, given: object) -> list[JsonValue]:
    """Return [result] of a step that an earlier attempt finished, [] when there is none.

    A step that was given something else than back then makes all records from there on void.
    """
    raw = turn.replay.get(f"step/{number}")
    if raw is None:
        return []
    entry = cast("dict[str, JsonValue]", from_json(raw))
    if entry["name"] == name and entry["input"] == _digest(given):
        return [entry["result"]]
    for field in [field for field in turn.replay if _is_step_from(field, number)]:
        del turn.replay[field]
    return []


def _is_step_from(field: str, number: int) -> bool:
    kind, _, n = field.partition("/")
    return kind == "step" and int(n) >= number


def _digest(given: object) -> str:
    return blake2b(dumps(given).encode(), digest_size=16).hexdigest()
