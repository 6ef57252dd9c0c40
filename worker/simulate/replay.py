"""The replay: walk along the commits of each session and compare every answer with what one worker alone would say."""

from collections.abc import Iterator, Sequence

from worker.simulate.app import CHAIN, SHORT, STEPS
from worker.simulate.chain import Link, hash_of
from worker.simulate.evidence import CONTROL_KINDS, Evidence, Reply, Sent
from worker.simulate.findings import Finding
from worker.simulate.schedule import LOSES_CONFIRMED

#: sessions of these are never disposed
LASTING = frozenset({CHAIN, STEPS})
#: here nothing ends a turn but its own answer
PLAIN = LASTING | {SHORT}


def state(evidence: Evidence) -> Iterator[Finding]:
    """Find answers that a sequential replay of the session does not give."""
    if evidence.faults.keys() & LOSES_CONFIRMED:
        return
    for sid, replies in evidence.committed().items():
        replay = Replay(sid.partition(":")[0])
        for reply in replies:
            sent = evidence.sent[reply["requestId"]]
            if sent.kind not in CONTROL_KINDS and reply["turn"] is not None:
                yield from (Finding("state", f"{sid}: {what}") for what in replay.step(sent, reply))


class Replay:
    """One session as it should be after the commits so far."""

    def __init__(self, swarm: str) -> None:
        """Begin before the first turn."""
        self._swarm = swarm
        self._turn = 0
        #: the state after the newest turn, None = this replay can't tell
        self._state: str | None = ""

    def step(self, sent: Sent, reply: Reply) -> Sequence[str]:
        """Go on by one commit; return what is wrong with it."""
        turn, name = reply["turn"], reply["requestId"]
        faults: list[str] = []
        if turn != self._turn + 1 or sent.kind == "dispose":
            if self._swarm in LASTING or (self._swarm == SHORT and turn != 1):
                faults.append(f"{name} is turn {turn}, after turn {self._turn}")
            self._state = "" if turn == 1 else None
        self._turn = turn
        link = Link.parse(reply["output"]) if reply["status"] == "completed" else None
        if link is None and self._swarm in PLAIN and reply["status"] == "completed":
            faults.append(f"{name} was answered with {reply['output'][:40]!r}")
        if link is not None:
            faults += self._faults_of(link, sent.message, name)
        if sent.kind == "execute":
            self._state = link.state if link is not None else None
        return faults

    def _faults_of(self, link: Link, message: str, name: str) -> list[str]:
        if link.state != hash_of(link.previous, message):
            return [f"{name} has an answer to something else"]
        if self._state is not None and link.previous != self._state:
            return [f"{name} was answered from state {link.previous or 'none'}, not {self._state or 'none'}"]
        return []
