"""What is left of a run, for the checker: the history of every process and what Redis holds at the end."""

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from worker.simulate.connection import Connection
from worker.simulate.history import Line, lines_of
from worker.simulate.sender import KEYS

AT_ONCE = 500
CONTROL_KINDS = frozenset({"emit", "notify", "cancel-output", "ban", "unban"})
Reply = dict[str, Any]


def code_of(reply: Reply) -> str:
    """Return the error code of a reply, `""` when it has none."""
    error: Mapping[str, str] = reply["error"] or {}
    return error.get("code", "")


@dataclass(slots=True)
class Sent:
    """One request of the load; times in Unix microseconds."""

    request_id: str
    sid: str
    kind: str
    message: str
    invoked_us: int
    #: when Redis said for the first time that it took it, 0 = never
    taken_us: int = 0

    @property
    def swarm(self) -> str:
        """Return the swarm that it was sent to."""
        return self.sid.partition(":")[0]


class Execution(NamedTuple):
    """One run of an agent or of a journaled step."""

    at_us: int
    request_id: str
    step: Literal["answer", "first", "second"]
    attempt: int
    execution: str


@dataclass(slots=True)
class Evidence:
    """Everything that the checks look at."""

    sent: dict[str, Sent] = field(default_factory=dict[str, Sent])
    #: request id -> what its result key holds at the end
    results: dict[str, Reply] = field(default_factory=dict[str, Reply])
    #: request id -> replies that a producer heard on its channel
    heard: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict[str, list[Reply]](list))
    executions: dict[str, list[Execution]] = field(default_factory=lambda: defaultdict[str, list[Execution]](list))
    #: request id -> how many committed turns of it the events stream has
    commits: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    #: sid -> items of its outbox, in order
    outboxes: dict[str, list[Reply]] = field(default_factory=dict[str, list[Reply]])
    #: sid -> seq of all that its follower was given, in order
    followed: dict[str, list[int]] = field(default_factory=lambda: defaultdict[str, list[int]](list))
    #: sid -> (time, request id) of each disposal that was begun
    disposals: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict[str, list[tuple[int, str]]](list)
    )
    #: marks of rubbish that Redis took
    rubbish: set[str] = field(default_factory=set[str])
    #: mark of rubbish -> how many dead letters name it
    buried: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    #: longest time for which a worker got no processor, s
    late_s: float = 0
    #: lease of the workers, s
    lease_s: float = 1
    #: when a Redis that had been killed answered again, Unix microseconds
    redis_back_us: list[int] = field(default_factory=list[int])
    #: kinds of the faults that were carried out
    faults: dict[str, int] = field(default_factory=dict[str, int])
    #: what is left over and should not be: keys, connections, files, workers that ended
    leftovers: list[str] = field(default_factory=list[str])

    def read(self, lines: Iterable[Line]) -> None:
        """Take in the histories of all processes."""
        readers = {
            "send": self._read_send,
            "reply": self._read_reply,
            "execution": self._read_execution,
            "dispose": self._read_dispose,
            "follow": self._read_follow,
            "rubbish": self._read_rubbish,
            "late": self._read_late,
            "fault": self._read_fault,
        }
        for line in lines:
            if line["op"] in readers:
                readers[line["op"]](line)

    def _read_send(self, line: Line) -> None:
        if line["type"] == "invoke":
            self.sent[line["id"]] = Sent(line["id"], line["sid"], line["kind"], line["message"], line["at_us"])
        elif line["type"] == "ok" and not self.sent[line["id"]].taken_us:
            self.sent[line["id"]].taken_us = line["at_us"]

    def _read_reply(self, line: Line) -> None:
        self.heard[line["reply"]["requestId"]].append(line["reply"])

    def _read_execution(self, line: Line) -> None:
        one = Execution(line["at_us"], line["id"], line["step"], line["attempt"], line["execution"])
        self.executions[one.request_id].append(one)

    def _read_dispose(self, line: Line) -> None:
        self.disposals[line["sid"]].append((line["at_us"], line["id"]))

    def _read_follow(self, line: Line) -> None:
        given = self.followed[line["sid"]]  # from its beginning on: who is never given anything must show as well
        if line["type"] == "ok":
            given.append(line["seq"])

    def _read_rubbish(self, line: Line) -> None:
        if line["type"] == "ok":
            self.rubbish.add(line["id"])

    def _read_late(self, line: Line) -> None:
        self.late_s = max(self.late_s, line["seconds"])

    def _read_fault(self, line: Line) -> None:
        if line["type"] == "ok" and line["kind"] == "redis-kill":
            self.redis_back_us.append(line["at_us"])

    def committed(self) -> Mapping[str, Sequence[Reply]]:
        """Return sid -> its replies that have a seq, in the order in which they were committed."""
        found: dict[str, list[Reply]] = defaultdict(list)
        for request_id, reply in self.results.items():
            if reply["seq"] is not None and request_id in self.sent:
                found[self.sent[request_id].sid].append(reply)
        for replies in found.values():
            replies.sort(key=lambda reply: reply["seq"])
        return found


def histories(directory: Path, *, only: str = "") -> Evidence:
    """Return what the processes of a run noted, `only` of one operation if it is named."""
    evidence = Evidence()
    # By time: a request is sent by one process and noted by others.
    evidence.read(sorted(lines_of(directory, only=only), key=lambda line: line["at_us"]))
    return evidence


async def results_of(connection: Connection, request_ids: Sequence[str]) -> dict[str, Reply]:
    """Return the terminal replies that there are."""
    found: dict[str, Reply] = {}
    for first in range(0, len(request_ids), AT_ONCE):
        names = request_ids[first : first + AT_ONCE]
        raws = await connection.execute_command("MGET", *[KEYS.result(name) for name in names])
        replies = {name: json.loads(raw) for name, raw in zip(names, raws, strict=True) if raw}
        found |= {name: reply for name, reply in replies.items() if reply.get("type") == "reply"}
    return found


async def look_into_redis(connection: Connection, evidence: Evidence) -> None:
    """Add what Redis holds: results, commits, outboxes and dead letters."""
    evidence.results = await results_of(connection, list(evidence.sent))
    async for fields in _entries(connection, KEYS.events):
        events = json.loads(fields[b"data"])
        evidence.commits[events[0].get("requestId", "")] += 1
    await look_into_outboxes(connection, evidence, {one.sid for one in evidence.sent.values()})
    async for fields in _entries(connection, KEYS.dead):
        for mark in {value.decode(errors="replace") for value in _marks(fields)}:
            evidence.buried[mark] += 1


async def look_into_outboxes(connection: Connection, evidence: Evidence, sids: Iterable[str]) -> None:
    """Add the outboxes of some sessions."""
    for sid in sids:
        items = [json.loads(fields[b"data"]) async for fields in _entries(connection, KEYS.outbox(sid))]
        if items:
            evidence.outboxes[sid] = items


def _marks(fields: Mapping[bytes, bytes]) -> Iterator[bytes]:
    yield from (fields[name] for name in (b"orig.mark", b"orig.requestId") if name in fields)


async def _entries(connection: Connection, stream: str) -> AsyncGenerator[Mapping[bytes, bytes]]:
    after = "-"
    while True:
        raw = await connection.execute_command("XRANGE", stream, after, "+", "COUNT", AT_ONCE)
        page = cast("list[tuple[bytes, dict[bytes, bytes]]]", raw)
        for _, fields in page:
            yield fields
        if len(page) < AT_ONCE:
            return
        after = f"({page[-1][0].decode()}"
