"""The canonical line of a finished turn: one line with all that it takes to find and to explain it, and no contents.

It is written once for each turn, so in JSON it goes around structlog: 2 µs instead of 6.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, TextIO

import structlog

from worker.clock import WallText
from worker.core.json_text import dumps, quote

#: W3C trace context: version, trace id, span id, flags
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class TurnFacts(NamedTuple):
    """What is known of a turn after its commit; names hold no character that JSON would escape, but for `client_id`."""

    client_id: str
    swarm_name: str
    request_id: str
    kind: str
    fence: str
    attempt: int
    turn: int
    agent_name: str
    outcome: str
    #: code of the error, `""` when there is none
    error: str
    #: from admission to claim
    wait_s: float
    #: from there to the end
    duration_s: float
    #: of the request, as its sender gave it
    traceparent: str


TurnLine = Callable[[TurnFacts], None]


def hashed(client_id: str) -> str:
    """Return what stands for a client in a log that must not name it: the same each time, and no way back."""
    return hashlib.sha256(client_id.encode(errors="replace")).hexdigest()[:16]


def json_turns(stream: TextIO, fields: Mapping[str, object], *, client_ids: bool) -> TurnLine:
    """Return the writer of lines in JSON; `fields` stand in each of them."""
    head = dumps({"level": "info", **fields, "event": "turn_finished"})[1:-1]
    spelled = quote if client_ids else _hash_in_json
    now = WallText()

    def write(facts: TurnFacts) -> None:
        (client_id, swarm, request_id, kind, fence, attempt, turn, agent, outcome, error, wait_s, duration_s, trace) = (
            facts
        )
        line = (
            f'{{"ts":"{now()}",{head},"client_id":{spelled(client_id)},"swarm_name":"{swarm}",'
            f'"request_id":"{request_id}","kind":"{kind}","fence":"{fence}","attempt":{attempt},"turn":{turn},'
            f'"agent_name":"{agent}","outcome":"{outcome}","wait_s":{wait_s:.6f},"duration_s":{duration_s:.6f}'
        )
        if error:
            line += f',"error":"{error}"'
        if trace and (known := TRACEPARENT.fullmatch(trace)):
            line += f',"trace_id":"{known[1]}","span_id":"{known[2]}"'
        with suppress(OSError):  # who reads our log is gone; the turn is not to blame
            stream.write(line + "}\n")

    return write


def console_turns(*, client_ids: bool) -> TurnLine:
    """Return the writer of lines for people."""
    log = structlog.get_logger(__name__)

    def write(facts: TurnFacts) -> None:
        fields = facts._asdict() | {"wait_s": round(facts.wait_s, 6), "duration_s": round(facts.duration_s, 6)}
        if not client_ids:
            fields["client_id"] = hashed(facts.client_id)
        log.info("turn_finished", **{name: value for name, value in fields.items() if value != ""})

    return write


def no_line(_facts: TurnFacts) -> None:
    """Write nothing: turns are not logged."""


def _hash_in_json(client_id: str) -> str:
    return f'"{hashed(client_id)}"'
