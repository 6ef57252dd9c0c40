"""How far a turn has come: what its rooms keep while they work on it."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from worker.core.json_text import quote
from worker.core.messages import Message, ToolCall
from worker.core.outcome import Failed
from worker.definitions.turn import StateHandle
from worker.turn.waits import Waits

_NOWHERE: Final[frozenset[str]] = frozenset()
_NO_TEXT: Final[tuple[str, str]] = ("", '""')
_NO_LINES: Final[Mapping[str, tuple[Message, ...]]] = MappingProxyType({})


class Batch:
    """The tool calls of one answer while they run one after another.

    `calls`: all of them, `reason`: the text that came with them. `stopped`: no further call runs, the tool stopped the
    batch or changed the agent. `committed`: ids of the calls whose output is in the history. `emitted`: the newest text
    that a tool emitted. `call_step`: the number of the call under way among the journaled steps. `touched`: that call
    did something to the conversation, so it needs no output of ours.
    """

    __slots__ = (
        "agent_name",
        "call_id",
        "call_step",
        "calls",
        "committed",
        "emitted",
        "is_last",
        "reason",
        "stopped",
        "touched",
    )

    def __init__(self, agent_name: str, calls: Sequence[ToolCall], reason: str) -> None:
        self.agent_name = agent_name
        self.calls = calls
        self.reason = reason
        self.call_id = ""
        self.call_step = 0
        self.is_last = False
        self.stopped = False
        self.committed: set[str] = set()
        self.emitted: str | None = None
        self.touched = False


class Parked:
    """A turn that waits for an answer: of the turn itself `until_ms`, Unix ms by Redis' clock, when it runs again.

    Of a control request that is about it `question`, and `is_resolved` once it has brought what the turn goes on with.
    """

    __slots__ = ("is_resolved", "question", "until_ms")

    def __init__(self, question: str = "", until_ms: int = 0) -> None:
        self.question = question
        self.until_ms = until_ms
        self.is_resolved = False


class Progress:
    """How far a turn has come; hardly anybody outside of the rooms needs it.

    `route`: agents that this turn went to. `asked`: how often a model was asked about the history. `nested`: how many
    executions and runs are under way, one inside the other. `calls`: ids made for tool calls.
    `steps`: journaled steps that were started. `emitted`: items for the client that were made, sent before or not.
    `question`: the newest record, if it is a user message with contents. `quoted`: the newest plain text of the
    history, and the same as JSON. `answer`: the newest answer of an execution. `answering`: message and mode that the
    turn answers, once they came in. `spoken_by`: who answered, if not the active agent of the session. `fault`: the
    first error on the way, with which the turn ends as failed. `lines`: prompt and system lines that were computed in
    this turn, by agent. `states`: states in use, by name; `shared`: names of shared states that were changed.
    `unwritten`: finished steps that are not in the journal yet; they are encoded only if another step follows. `waits`:
    what its time limits don't count, see `waiting`.
    """

    __slots__ = (
        "answer",
        "answering",
        "asked",
        "batch",
        "calls",
        "emitted",
        "fault",
        "lines",
        "nested",
        "question",
        "quoted",
        "route",
        "shared",
        "spoken_by",
        "states",
        "steps",
        "unwritten",
        "waits",
    )

    def __init__(self) -> None:
        self.route: frozenset[str] = _NOWHERE
        self.asked = self.calls = self.steps = self.emitted = self.nested = 0
        self.question: str | None = None
        self.quoted: tuple[str, str] = _NO_TEXT
        self.answer: str | None = None
        self.answering: tuple[str, str] | None = None
        self.spoken_by: str | None = None
        self.fault: Failed | None = None
        self.batch: Batch | None = None
        self.states: dict[str, StateHandle] = {}
        self.lines: Mapping[str, tuple[Message, ...]] = _NO_LINES
        self.waits: Waits | None = None
        self.shared = _NOWHERE
        self.unwritten: list[tuple[int, Callable[[], str]]] = []

    def json_of(self, text: str) -> str:
        """Return a text as JSON; the newest one is at hand: a message, or an answer, is written in several places."""
        known, quoted = self.quoted
        return quoted if text is known else quote(text)
