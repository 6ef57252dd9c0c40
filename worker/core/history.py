"""The history of a session: how a record is written, and what of it a model sees."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypedDict, overload

from pydantic import JsonValue
from pydantic_core import from_json

from worker.core.json_text import dumps, quote
from worker.core.messages import Message, ToolCall


class _FunctionRecord(TypedDict):
    name: str
    arguments: dict[str, JsonValue]


class _CallRecord(TypedDict):
    id: str
    function: _FunctionRecord


class _Record(TypedDict, total=False):
    role: str
    content: str
    agentName: str
    mode: str
    tool_calls: list[_CallRecord]
    tool_call_id: str
    payload: JsonValue


#: says of a message of the history, no system message, whether a model sees it
HistoryFilter = Callable[[Message], bool]
#: records that hide everything before them from the model
_CUTS = frozenset({"resque", "flush"})
#: how records begin, as `text_record` and `message_json` write them
_CUT = re.compile(r'(?:\[|\{"role":)"(?:resque|flush)"')
_TEXT_HEAD = re.compile(r'\["(\w+)","([^"]*)",(""(?=[],]))?')
_HEAD = re.compile(r'\{"role":"(\w+)","content":(""(?=,))?')
_OWNER = re.compile(r',"agentName":"([^"]*)","mode"')


def text_record(role: str, quoted: str, agent_name: str, mode: str) -> str:
    """Return the record of a plain message, whose content is given as JSON; role, agent and mode are plain names.

    It is `[role, agentName, content]`, followed by the mode where that is not what the role says already: nearly all
    records are of this kind, and names of keys would be a third of what they take in Redis.
    """
    if mode == _mode_of(role):
        return f'["{role}","{agent_name}",{quoted}]'
    return f'["{role}","{agent_name}",{quoted},"{mode}"]'


def record_of(message: Message) -> str:
    """Return the record of any message; what has more than a text is written as `message_json`."""
    if message.tool_calls or message.tool_call_id or message.payload is not None:
        return message_json(message)
    return text_record(message.role, quote(message.content), message.agent_name, message.mode)


def message_json(message: Message) -> str:
    """Return a message as a JSON object with role, content, agentName, mode and what else there is."""
    record = (
        f'{{"role":"{message.role}","content":{quote(message.content)},'
        f'"agentName":"{message.agent_name}","mode":"{message.mode}"}}'
    )
    extra: dict[str, object] = {}
    if message.tool_calls:
        extra["tool_calls"] = [call_json(call) for call in message.tool_calls]
    if message.tool_call_id:
        extra["tool_call_id"] = message.tool_call_id
    if message.payload is not None:
        extra["payload"] = message.payload
    return f"{record[:-1]},{dumps(extra)[1:]}" if extra else record


def call_json(call: ToolCall) -> dict[str, object]:
    """Return a tool call in the shape that models know."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}


def message_of(record: bytes | str) -> Message:
    """Read a record; what is missing in an object reads as empty, so that an old record never stops a session."""
    fields: _Record | list[str] = from_json(record)
    if isinstance(fields, list):
        role, agent_name, content, *mode = fields
        return Message(role, content, agent_name, mode[0] if mode else _mode_of(role))
    calls = fields.get("tool_calls")
    return Message(
        fields.get("role", ""),
        fields.get("content", ""),
        fields.get("agentName", ""),
        fields.get("mode", ""),
        tuple(_call_of(call) for call in calls) if calls else (),
        fields.get("tool_call_id", ""),
        fields.get("payload"),
    )


def shown(record: JsonValue) -> JsonValue:
    """Return a record as people read it: with names; what can't be read is returned as it is."""
    match record:
        case [str(role), str(agent_name), str(content), *mode]:
            named = {"role": role, "content": content, "agentName": agent_name}
            return {**named, "mode": mode[0] if mode else _mode_of(role)}
        case _:
            return record


def view(
    records: Iterable[Message], agent_name: str, keep_messages: int, wanted: HistoryFilter | None = None
) -> list[Message]:
    """Return what the model of an agent sees of the records, oldest first, prompt lines left out.

    Everything before the last cut is hidden. System messages of this agent are all kept and come first. Of the rest
    the last `keep_messages` are kept; tool calls and outputs only of this agent, and only those whose other half is
    there too. `wanted` may choose others than those of this agent; what it can't judge is kept.
    """
    fresh = _after_last_cut(records)
    present = [m for m in fresh if m.content or m.tool_calls]
    system = [m for m in present if m.role == "system" and m.agent_name == agent_name]
    others = [m for m in present if m.role != "system" and _is_wanted(m, agent_name, wanted)]
    kept = others[-keep_messages:] if keep_messages > 0 else []
    return system + _paired(kept)


def left_out(records: Sequence[str], window: int, keeps: Mapping[str, int]) -> list[str]:
    """Return what the newest `window` records lack of what the model of an agent is shown; `keeps` says how many it is.

    What is no agent's to see takes no place: system records, which are kept elsewhere, records without contents, and
    for each agent the tool calls of the others.
    """
    left = {agent_name: keep for agent_name, keep in keeps.items() if keep}
    lacking: list[str] = []
    for at in range(len(records) - 1, -1, -1):
        record = records[at]
        if not left or _CUT.match(record):
            break
        reader = _reader_of(record)
        readers = [agent_name for agent_name in left if reader in ("", agent_name)]
        if readers and at < len(records) - window:
            lacking.append(record)
        for agent_name in readers:
            left[agent_name] -= 1
            if not left[agent_name]:
                del left[agent_name]
    return lacking[::-1]


def _reader_of(record: str) -> str | None:
    """Return which agent's model may see a record: a name, `""` for every agent's, None for none's."""
    text = _TEXT_HEAD.match(record)
    if text is not None:
        role, owner, nothing = text.groups()
        return None if role == "system" or nothing else owner if role == "tool" else ""
    head = _HEAD.match(record)
    if head is None:
        return ""
    role, nothing = head.groups()
    has_calls = '"tool_calls":[' in record  # in a text its quotes are escaped
    if role == "system" or (nothing and not has_calls):
        return None
    owner = _OWNER.search(record) if has_calls or role == "tool" else None
    return owner[1] if owner else ""


class LazyView(Sequence[Message]):
    """The lines of a prompt and the view of a history, decoded when somebody looks.

    `records` are those of the turn so far: it may grow afterwards, which the view does not see. `chosen` makes of all
    records what is shown of them, see `view`.
    """

    __slots__ = ("_chosen", "_count", "_history", "_lines", "_messages", "_records")

    def __init__(
        self,
        lines: Sequence[Message],
        history: Sequence[bytes | str],
        records: Sequence[str],
        chosen: Callable[[Iterable[Message]], list[Message]],
    ) -> None:
        self._lines = lines
        self._history = history
        self._records = records
        self._count = len(records)
        self._chosen = chosen
        self._messages: list[Message] | None = None

    def __len__(self) -> int:
        return len(self._decoded())

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return self._decoded()[index]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._decoded())

    def _decoded(self) -> list[Message]:
        if self._messages is None:
            records = [message_of(record) for record in chain(self._history, self._records[: self._count])]
            self._messages = [*self._lines, *self._chosen(records)]
        return self._messages


def _mode_of(role: str) -> str:
    return "user" if role == "user" else "tool"


def _after_last_cut(records: Iterable[Message]) -> list[Message]:
    fresh: list[Message] = []
    for message in records:
        if message.role in _CUTS:
            fresh.clear()
        else:
            fresh.append(message)
    return fresh


def _is_wanted(message: Message, agent_name: str, wanted: HistoryFilter | None) -> bool:
    if wanted is not None:
        try:
            return bool(wanted(message))
        except Exception:  # noqa: BLE001 - better too much than a conversation with holes
            return True
    return message.agent_name == agent_name or not (message.role == "tool" or message.tool_calls)


def _paired(messages: list[Message]) -> list[Message]:
    """Return the messages without halves of tool calls: a model's server refuses a call without its output."""
    asked = {call.id for message in messages for call in message.tool_calls}
    answered = {message.tool_call_id for message in messages if message.role == "tool"}
    halves = (_answered_part(message, asked, answered) for message in messages)
    return [message for message in halves if message is not None]


def _answered_part(message: Message, asked: set[str], answered: set[str]) -> Message | None:
    if message.role == "tool":
        return message if message.tool_call_id in asked else None
    if not message.tool_calls:
        return message
    calls = tuple(call for call in message.tool_calls if call.id in answered)
    return message._replace(tool_calls=calls) if calls else None


def _call_of(call: _CallRecord) -> ToolCall:
    function = call["function"]
    return ToolCall(call["id"], function["name"], function["arguments"])
