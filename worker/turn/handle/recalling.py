"""What a handle knows of the conversation so far."""

from collections.abc import Callable
from itertools import chain

from worker.core.history import message_of, view
from worker.core.messages import Message
from worker.turn.handle.identity import Identity
from worker.turn.navigation import active_agent


class Recalling(Identity):
    """Reads the window of the history."""

    __slots__ = ()

    def history(self) -> list[Message]:
        """Return all records of the window, oldest first."""
        return [message_of(record) for record in chain(self._turn.session.history, self._turn.records)]

    def agent_history(self) -> list[Message]:
        """Return what the model of the active agent would see; computed lines are those of its last question."""
        turn, agent = self._turn, active_agent(self._turn)
        lines = turn.progress.lines.get(agent.name, ()) if agent.fixed_lines is None else agent.fixed_lines
        records = map(message_of, chain(turn.session.shown_history(turn.records), turn.records))
        return [*lines, *view(records, agent.name, agent.keep_messages, agent.history_filter)]

    def user_history(self) -> list[Message]:
        """Return the messages that the client itself wrote."""
        return [message for message in self.history() if _is_from_client(message)]

    def assistant_history(self) -> list[Message]:
        """Return the answers."""
        return [message for message in self.history() if message.role == "assistant"]

    def last_user_message(self) -> str | None:
        """Return the newest message that the client itself wrote."""
        return self._newest(_is_from_client)

    def last_assistant_message(self) -> str | None:
        """Return the newest answer."""
        return self._newest(lambda message: message.role == "assistant")

    def last_system_message(self) -> str | None:
        """Return the newest committed system message."""
        return self._newest(lambda message: message.role == "system")

    def last_tool_message(self) -> str | None:
        """Return the newest tool output."""
        return self._newest(lambda message: message.role == "tool")

    def _newest(self, is_wanted: Callable[[Message], bool]) -> str | None:
        return next((message.content for message in reversed(self.history()) if is_wanted(message)), None)


def _is_from_client(message: Message) -> bool:
    return message.role == "user" and message.mode == "user"
