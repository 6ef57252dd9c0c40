"""What tools and callbacks may do with the turn they run in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ParamSpec, Protocol, TypeVar

from pydantic import JsonValue

from worker.core.messages import Message
from worker.definitions.turn_facts import TurnFacts

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: computes a new state from the previous one; sync or async
StateUpdate = Callable[[JsonValue], JsonValue | Awaitable[JsonValue]]


class StateHandle(Protocol):
    """One named state, of the session or shared by all.

    An update of a shared state is called again when somebody else was faster: it should do nothing but compute.
    """

    async def get(self) -> JsonValue:
        """Return a copy of the value, after all updates that were asked for before this call."""
        ...

    async def set(self, update: StateUpdate) -> JsonValue:
        """Apply `update` after all earlier updates; return the new value. Raises `TypeError` for what is not JSON."""
        ...

    async def clear(self) -> JsonValue:
        """Go back to the default of the state; return it."""
        ...


class Turn(TurnFacts, Protocol):
    """The turn that a tool or a callback runs in.

    It stands here without its body because definitions know nothing of how turns are run; the one that is handed out
    is `LiveTurn`.
    """

    async def emit(self, text: str) -> None:
        """Send text to the client now; it passes the output policies first.

        When the tool returns nothing and nobody else answers, the text becomes the answer of the turn.
        """
        ...

    async def notify(self, text: str) -> None:
        """Send text to the client beside the conversation; it passes the output policies first."""
        ...

    async def execute(self, text: str) -> str:
        """Ask the active agent in tool mode; its answer becomes the answer of this turn and is returned."""
        ...

    async def run(self, text: str) -> str:
        """Ask the active agent beside the conversation, without policies and tools; return its answer.

        Its model sees the history, and nothing of it is put there.

        Raises `NestingLimitError` where a callback runs and runs again.
        """
        ...

    async def hand_over(self, agent_name: str) -> None:
        """Let another agent take over as a hand-off does: it answers the client's last message when the tool ends.

        Raises `UnknownAgentError` for one that is not of this swarm.
        """
        ...

    async def change_agent(self, agent_name: str) -> bool:
        """Make another agent the active one; False when it is not of this swarm.

        Raises `NavigationLoopError` when this turn already went there.
        """
        ...

    async def change_to_default_agent(self) -> bool:
        """Make the default agent the active one; raises as `change_agent`."""
        ...

    async def change_to_prev_agent(self) -> bool:
        """Go back to the agent that was active before; False when that is the active one; raises as `change_agent`."""
        ...

    async def commit_user_message(self, message: str, mode: str = "user", payload: JsonValue = None) -> None:
        """Add a user message to the history; nothing answers it. Raises `ValueError` unless `mode` is user or tool.

        Of mode user it carries the payload given, else that of the turn.
        """
        ...

    async def commit_system_message(self, message: str) -> None:
        """Add a system message for the active agent to the history."""
        ...

    async def commit_developer_message(self, message: str) -> None:
        """Add a developer message to the history."""
        ...

    async def commit_assistant_message(self, message: str) -> None:
        """Add an answer to the history that no model gave."""
        ...

    async def commit_tool_output(self, tool_id: str, content: str) -> None:
        """Add the output of a tool call to the history."""
        ...

    async def commit_tool_request(self, requests: Sequence[tuple[str, Mapping[str, JsonValue]]]) -> list[str]:
        """Add calls, each (tool name, arguments), to the history as if the model had asked; return their new ids."""
        ...

    async def commit_flush(self) -> None:
        """Hide all history so far from the model."""
        ...

    async def commit_stop_tools(self) -> None:
        """Run no further call of the batch under way."""
        ...

    async def cancel_output(self) -> None:
        """End the turn as `cancelled` once the tool under way returns."""
        ...

    def history(self) -> list[Message]:
        """Return all records of the window, oldest first."""
        ...

    def agent_history(self) -> list[Message]:
        """Return what the model of the active agent would see: prompt and system lines, then its view of the history.

        Lines that are computed are those of its last question in this turn.
        """
        ...

    def user_history(self) -> list[Message]:
        """Return the messages that the client itself wrote."""
        ...

    def assistant_history(self) -> list[Message]:
        """Return the answers."""
        ...

    def last_user_message(self) -> str | None:
        """Return the newest message that the client itself wrote."""
        ...

    def last_assistant_message(self) -> str | None:
        """Return the newest answer."""
        ...

    def last_system_message(self) -> str | None:
        """Return the newest committed system message."""
        ...

    def last_tool_message(self) -> str | None:
        """Return the newest tool output."""
        ...

    def navigation_route(self) -> frozenset[str]:
        """Return the agents that this turn went to."""
        ...

    def state(self, name: str) -> StateHandle:
        """Return a state; raises `UnknownStateError` for one that the active agent does not list."""
        ...

    def memory(self) -> dict[str, JsonValue]:
        """Return a copy of the memory of the session."""
        ...

    def remember(self, values: Mapping[str, JsonValue]) -> None:
        """Merge values into the memory of the session; raises `TypeError` for what is not JSON."""
        ...

    async def step(
        self, name: str, function: Callable[_P, Awaitable[_R] | _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> _R:
        """Run `function` once and return its result as it reads back from JSON.

        After a crash the recorded result is returned and `function` is not called again. Raises `TypeError` when the
        result is not JSON.
        """
        ...

    def idempotency_key(self, name: str) -> str:
        """Return a key that is the same in every attempt of this turn, to pass on to systems with side effects."""
        ...

    def event(self, topic: str, payload: JsonValue) -> Awaitable[None]:
        """Publish a custom bus event at once; what is returned may be awaited and need not be.

        Raises `ValueError` for a topic that is no name or belongs to the system, `TypeError` for what is not JSON.
        """
        ...
