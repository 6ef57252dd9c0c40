"""A model that says its lines in order: for tests and examples."""

from collections.abc import Sequence

from worker.core.messages import ToolCall
from worker.definitions.completion import CompletionMessage, CompletionRequest

#: text, calls of tools, a whole message, or an error to raise
Line = str | ToolCall | Sequence[ToolCall] | CompletionMessage | BaseException


class ScriptedCompletion:
    """Answers with its lines in order; a line that is an exception is raised; `requests` keeps what was asked."""

    def __init__(self, lines: Sequence[Line]) -> None:
        """Set the lines."""
        self._lines = list(lines)
        self.requests: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer with the next line; raises `AssertionError` when there is none left."""
        asked = len(self.requests)
        self.requests.append(request)
        if asked >= len(self._lines):
            message = f"the script has {len(self._lines)} lines, this is question {asked + 1}"
            raise AssertionError(message)
        return _message_of(self._lines[asked])

    def assert_complete(self) -> None:
        """Raise `AssertionError` unless every line was said."""
        left = len(self._lines) - len(self.requests)
        if left > 0:
            message = f"{left} of {len(self._lines)} lines were never asked for"
            raise AssertionError(message)


def _message_of(line: Line) -> CompletionMessage:
    match line:
        case BaseException():
            raise line
        case CompletionMessage():
            return line
        case str():
            return CompletionMessage(line)
        case ToolCall():
            return CompletionMessage(tool_calls=(line,))
        case _:
            return CompletionMessage(tool_calls=tuple(line))
