"""What an answer must look like before a client reads it, unless the agent has rules of its own."""

import re

from pydantic_core import from_json

_ELEMENT = re.compile(r"<([A-Za-z_][\w.-]*)(?:\s[^<>]*)?>.*?</\1\s*>", re.DOTALL)
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_FENCED = re.compile(r"```(?:\w+)?\s*(\{.*?\})\s*```", re.DOTALL)
_XML_CALL = re.compile(r"<\s*(tool_call|toolcall|tool|function_call)\b", re.IGNORECASE)
_CALL_NAMES = frozenset({"name", "tool", "tool_name", "function", "tool_calls"})
_CALL_ARGUMENTS = frozenset({"arguments", "parameters", "params", "args", "input"})


def clean(text: str) -> str:
    """Return the answer without XML-like elements and their contents, without runs of blank lines, trimmed."""
    if "<" in text:
        text = _ELEMENT.sub("", text)
    if "\n" in text:
        text = _BLANK_LINES.sub("\n", text)
    return text.strip()


def fault_of(text: str) -> str | None:
    """Return what is wrong with an answer: empty, or a tool call written as text; None when it is fine."""
    if not text or text.isspace():
        return "empty output"
    if "<" in text and _XML_CALL.search(text):
        return "tool call written as XML"
    if "{" in text and _holds_json_call(text):
        return "tool call written as JSON"
    return None


def _holds_json_call(text: str) -> bool:
    bare = text.strip()
    candidates = [*_FENCED.findall(text), bare] if bare.startswith("{") else _FENCED.findall(text)
    return any(_is_call(candidate) for candidate in candidates)


def _is_call(candidate: str) -> bool:
    try:
        value = from_json(candidate)
    except ValueError:
        return False
    if not isinstance(value, dict):
        return False
    keys = {str(key).lower() for key in value}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return "tool_calls" in keys or bool(keys & _CALL_NAMES and keys & _CALL_ARGUMENTS)
