"""What a handle adds to the history."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from schemas.requests import Mode
from worker.turn import commits
from worker.turn.handle.identity import Identity
from worker.turn.sizes import check_size


class Committing(Identity):
    """Writes history that no model answers; a text that is too large raises `TextTooLargeError`."""

    __slots__ = ()

    async def commit_user_message(self, message: str, mode: str = "user", payload: JsonValue = None) -> None:
        """Add a user message to the history; nothing answers it. Raises `ValueError` unless `mode` is user or tool."""
        mode = Mode(mode).value
        check_size(self._turn, message)
        await commits.commit_message(self._turn, "user", message, mode, payload)

    async def commit_system_message(self, message: str) -> None:
        """Add a system message for the active agent to the history."""
        check_size(self._turn, message)
        await commits.commit_message(self._turn, "system", message)

    async def commit_developer_message(self, message: str) -> None:
        """Add a developer message to the history."""
        check_size(self._turn, message)
        await commits.commit_message(self._turn, "developer", message)

    async def commit_assistant_message(self, message: str) -> None:
        """Add an answer to the history that no model gave."""
        check_size(self._turn, message)
        await commits.commit_message(self._turn, "assistant", message)

    async def commit_tool_output(self, tool_id: str, content: str) -> None:
        """Add the output of a tool call to the history."""
        owner = self._agent_name if tool_id == self._call_id else ""
        check_size(self._turn, content)
        await commits.commit_tool_output(self._turn, tool_id, content, owner)

    async def commit_tool_request(self, requests: Sequence[tuple[str, Mapping[str, JsonValue]]]) -> list[str]:
        """Add calls, each (tool name, arguments), to the history as if the model had asked; return their new ids."""
        return await commits.commit_tool_request(self._turn, requests)

    async def commit_flush(self) -> None:
        """Hide all history so far from the model."""
        await commits.commit_flush(self._turn)

    async def commit_stop_tools(self) -> None:
        """Run no further call of the batch under way."""
        await commits.commit_stop_tools(self._turn)
