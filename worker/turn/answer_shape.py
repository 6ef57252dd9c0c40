"""What users give back to a turn must have the shape that they promised; what has not is told in words that help."""

from collections.abc import Mapping
from typing import Any, cast

from worker.core.json_text import json_copy
from worker.core.messages import ToolCall
from worker.definitions.completion import CompletionMessage, Usage


def are_lines(made: object) -> bool:
    """Tell whether a hook gave text, or a list of text."""
    lines = cast("list[object]", made) if isinstance(made, list | tuple) else [made]
    return all(isinstance(line, str) for line in lines)


def fault_of_answer(answer: object) -> str | None:
    """Return what is wrong with the answer of a model, None when it is fine; holds no contents of messages."""
    if not isinstance(answer, CompletionMessage):
        return f"{_kind(answer)} where a CompletionMessage was expected"
    content: Any = answer.content
    if not isinstance(content, str):
        return f'a CompletionMessage whose content is {_kind(content)}: give text, "" beside tool calls'
    usage: Any = answer.usage
    if usage is not None and not isinstance(usage, Usage):
        return f"a CompletionMessage whose usage is {_kind(usage)}: give a Usage, or None"
    return None if answer.tool_calls == () else fault_of_calls(answer.tool_calls)


def fault_of_calls(calls: object) -> str | None:
    """Return what is wrong with the tool calls of an answer, None when they are fine."""
    if not isinstance(calls, list | tuple):
        return f"tool calls that are {_kind(calls)}: give a list of ToolCall, () for none"
    faults = (_fault_of_call(call) for call in calls)  # pyright: ignore[reportUnknownVariableType]
    return next((fault for fault in faults if fault is not None), None)


def _fault_of_call(call: Any) -> str | None:
    if not isinstance(call, ToolCall):
        return f"a tool call that is {_kind(call)}: give a ToolCall"
    call_id, name, arguments = cast("tuple[object, object, object]", tuple(call))
    if not isinstance(call_id, str) or not isinstance(name, str):
        return 'a ToolCall whose id or name is no text: give "" for an id that is to be made'
    if not isinstance(arguments, Mapping):
        return f"a ToolCall whose arguments are {_kind(arguments)}: give a mapping, {{}} for none"
    try:
        json_copy(dict(arguments))  # pyright: ignore[reportUnknownArgumentType]
    except TypeError as error:
        return f"a ToolCall whose arguments are not JSON ({error.__cause__})"
    return None


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
