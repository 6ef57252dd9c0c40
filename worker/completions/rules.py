"""A model made of patterns: a demo that needs no key and no network."""

import re
from collections.abc import Callable, Sequence

from worker.core.messages import Message, ToolCall
from worker.definitions.completion import CompletionMessage, CompletionRequest

#: text, a call of a tool, a whole message, or a function of the match that returns one of these
Answer = str | ToolCall | CompletionMessage | Callable[[re.Match[str]], str | ToolCall | CompletionMessage]


class RuleCompletion:
    r"""Answers by the first pattern found in the last user message, upper and lower case alike.

    A text may use the groups of its pattern, as in `"Order \1 is on its way"`; so may the string arguments of a tool
    call. After the result of a tool it answers with that result. A call of a tool that the agent has not got at the
    moment is passed over; without any match `otherwise` is the answer.
    """

    def __init__(self, rules: Sequence[tuple[str, Answer]], otherwise: str = "I have no answer to that.") -> None:
        """Set the rules in order of precedence."""
        self._rules = [(re.compile(pattern, re.IGNORECASE), answer) for pattern, answer in rules]
        self._otherwise = otherwise

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer by the rules."""
        # Where the question is known, nothing came after it: then the history need not be decoded.
        result = _fresh_tool_result(request.messages) if request.question is None else None
        if result is not None:
            return CompletionMessage(result)
        question, offered = request.last_user_message(), {spec.name for spec in request.tools}
        for pattern, answer in self._rules:
            match = pattern.search(question)
            message = None if match is None else _message_of(answer, match)
            if message is not None and all(call.name in offered for call in message.tool_calls):
                return message
        return CompletionMessage(self._otherwise)


def _fresh_tool_result(messages: Sequence[Message]) -> str | None:
    """Return the results of the calls that the model made last, None when a question came after them."""
    results: list[str] = []
    for message in reversed(messages):
        if message.role != "tool":
            break
        results.append(message.content)
    return "\n".join(reversed(results)) if results else None


def _message_of(answer: Answer, match: re.Match[str]) -> CompletionMessage:
    made = answer(match) if callable(answer) else answer
    match made:
        case str():
            return CompletionMessage(match.expand(made) if made is answer else made)
        case ToolCall():
            call = _expanded(made, match) if made is answer else made
            return CompletionMessage(tool_calls=(call,))
        case _:
            return made


def _expanded(call: ToolCall, match: re.Match[str]) -> ToolCall:
    arguments = {k: match.expand(v) if isinstance(v, str) else v for k, v in call.arguments.items()}
    return ToolCall(call.id, call.name, arguments)
