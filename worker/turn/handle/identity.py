"""Who and what a turn is about."""

from collections.abc import Sequence

from pydantic import JsonValue

from worker.core.messages import ToolCall
from worker.turn.navigation import active_agent
from worker.turn.over import still_open
from worker.turn.port import OpenTurn
from worker.turn.progress import Batch


class Identity:
    """The base of a handle: what it reads, nothing that it does."""

    __slots__ = ("_agent_name", "_batch", "_call_id", "_call_step", "_is_last", "_opened")

    def __init__(self, turn: OpenTurn, agent_name: str) -> None:
        batch = turn.progress.batch
        self._opened = turn
        self._agent_name = agent_name
        self._batch: Batch | None = batch
        self._call_id = "" if batch is None else batch.call_id
        self._call_step = 0 if batch is None else batch.call_step
        self._is_last = False if batch is None else batch.is_last

    @property
    def _turn(self) -> OpenTurn:
        """Return the turn; raises `TurnOverError` once it has ended."""
        return still_open(self._opened)

    @property
    def client_id(self) -> str:
        """Return whose session this is."""
        return self._opened.session.client_id

    @property
    def swarm_name(self) -> str:
        """Return the swarm of the session."""
        return self._opened.swarm.name

    @property
    def agent_name(self) -> str:
        """Return the agent that runs the tool, or that the callback is about."""
        return self._agent_name

    @property
    def active_agent(self) -> str:
        """Return the agent that is active now."""
        return active_agent(self._opened).name

    @property
    def request_id(self) -> str:
        """Return the request that this turn answers."""
        return self._opened.request.request_id

    @property
    def attempt(self) -> int:
        """Return how often the request has been started, from 1."""
        return self._opened.attempt

    @property
    def payload(self) -> JsonValue:
        """Return what the request carried besides its message."""
        return self._opened.payload

    @property
    def deadline(self) -> int | None:
        """Return the request's deadline in Unix ms by Redis' clock."""
        return self._opened.request.deadline_ms

    @property
    def tool_call_id(self) -> str:
        """Return the id of the tool call under way, `""` outside a tool."""
        return self._call_id

    @property
    def is_last_call(self) -> bool:
        """Tell whether the tool call under way is the last one of its batch."""
        return self._is_last

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """Return the whole batch that the tool call under way belongs to, in order."""
        return () if self._batch is None else self._batch.calls

    @property
    def call_reason(self) -> str:
        """Return the text that the model said together with its tool calls."""
        return "" if self._batch is None else self._batch.reason

    def _touch(self) -> None:
        """Note that the tool under way did something to the conversation."""
        if self._batch is not None:
            self._batch.touched = True
