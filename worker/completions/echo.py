"""A model that repeats what it was told."""

from worker.definitions.completion import CompletionMessage, CompletionRequest


class EchoCompletion:
    """Answers with the last user message behind a fixed prefix."""

    def __init__(self, prefix: str = "") -> None:
        """Set the prefix."""
        self._prefix = prefix

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer with the last user message."""
        return CompletionMessage(self._prefix + request.last_user_message())
