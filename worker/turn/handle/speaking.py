"""What a handle says and asks."""

from collections.abc import Awaitable, Generator

from pydantic import JsonValue

from schemas.events import Source
from schemas.names import is_name
from worker.core.json_text import json_copy
from worker.turn import events
from worker.turn.control import publish_cancel, say_to_client
from worker.turn.handle.identity import Identity


class _Said:
    """What is done already: awaiting it gives None at once, as often as one likes."""

    def __await__(self) -> Generator[None]:
        """Wait for nothing."""
        yield from ()


_SAID = _Said()


class Speaking(Identity):
    """Speaks to the client, to agents and to observers."""

    __slots__ = ()

    async def emit(self, text: str) -> None:
        """Send text to the client now; it passes the output policies first."""
        self._touch()
        await say_to_client(self._turn, "emit", text)

    async def notify(self, text: str) -> None:
        """Send text to the client beside the conversation; it passes the output policies first."""
        await say_to_client(self._turn, "notify", text)

    async def execute(self, text: str) -> str:
        """Ask the active agent in tool mode; its answer becomes the answer of this turn and is returned."""
        said = await self._turn.rooms.execute(self._turn, text)
        if self._turn.progress.answer is not None:
            # A policy may have refused the text: then nobody has answered, and the call still needs an output.
            self._touch()
        return said

    async def run(self, text: str) -> str:
        """Ask the active agent beside the conversation, without policies and tools; return its answer."""
        return await self._turn.rooms.run(self._turn, text)

    async def cancel_output(self) -> None:
        """End the turn as `cancelled` once the tool under way returns."""
        self._touch()
        publish_cancel(self._turn)
        self._turn.cancelled_by = self._turn.cancelled_by or "cancel-output"

    def event(self, topic: str, payload: JsonValue) -> Awaitable[None]:
        """Publish a custom bus event; what is returned may be awaited, as everything else that a turn says.

        Raises `ValueError` for a topic that is no name or belongs to the system, `TypeError` for what is not JSON.
        """
        if not is_name(topic) or topic in frozenset(Source):
            raise ValueError(f"topic {topic!r} is no name, or is a source of the system")
        events.custom_event(self._turn, topic, json_copy(payload))
        return _SAID
