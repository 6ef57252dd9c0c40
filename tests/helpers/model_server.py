"""A server that speaks the OpenAI chat API over real sockets and answers as a test has laid down."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Self

from tests.helpers.eventually import eventually

JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream"}
MODEL = "tiny-1"
#: what every answer costs
INPUT_TOKENS, OUTPUT_TOKENS = 11, 7


class Asked:
    """One request as it came: path, headers in lower case, decoded body, monotonic time."""

    def __init__(self, path: str, headers: Mapping[str, str], raw: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = json.loads(raw or b"{}")
        self.at = time.monotonic()

    @property
    def messages(self) -> list[dict[str, object]]:
        """Return the chat messages."""
        return self.body["messages"]

    @property
    def tool_names(self) -> list[str]:
        """Return the names of the tools that were offered."""
        return [tool["function"]["name"] for tool in self.body.get("tools", [])]


class Talk:
    """The connection on which one request is answered."""

    def __init__(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = asked
        self._reader = reader
        self._writer = writer
        self.was_left = False

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer of known length."""
        self._head(status, {**headers, "Content-Length": str(len(body))})
        self._writer.write(body)
        await self._writer.drain()

    async def events(self, events: Iterable[str], *, is_cut: bool = False, stalls: bool = False) -> None:
        """Send server-sent events; then the connection ends in the middle (`is_cut`), or nothing comes (`stalls`)."""
        self._head(200, {**EVENTS, "Transfer-Encoding": "chunked"})
        for event in events:
            data = f"data: {event}\n\n".encode()
            self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await self._writer.drain()
        if stalls:
            await self.client_is_gone()
        elif is_cut:
            self._writer.close()
        else:
            self._writer.write(b"0\r\n\r\n")
            await self._writer.drain()

    async def client_is_gone(self) -> None:
        """Wait until the client closes the connection."""
        await self._reader.read()
        self.was_left = True

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")


Answer = Callable[[Talk], Awaitable[None]]


class ModelServer:
    """Answers requests with `answers`, in order; the last one is given again and again. `asked` keeps what came."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        #: connections that the client closed while the server was silent
        self.left = 0
        #: connections that were made
        self.accepted = 0
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Return what a client takes as its base URL."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def until_asked(self, times: int = 1) -> None:
        """Wait until so many requests have come."""
        await eventually(lambda: len(self.asked) >= times, within_s=20)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        self.accepted += 1
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                talk = Talk(asked, reader, writer)
                await answer(talk)
                self.left += talk.was_left
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            writer.close()
            self._connections.discard(task)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(first.split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def said(text: str | None, *, finish_reason: str = "stop", calls: Sequence[Mapping[str, object]] = ()) -> Answer:
    """Answer with a whole message."""
    message = {"role": "assistant", "content": text} | ({"tool_calls": list(calls)} if calls else {})
    usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": 18}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return raw(200, json.dumps({**_top("chat.completion"), "choices": [choice], "usage": usage}).encode())


def call(id_: str, name: str, arguments: Mapping[str, object] | str) -> dict[str, object]:
    """Return a tool call as it stands in an answer."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}


def called(*calls: Mapping[str, object], text: str | None = None) -> Answer:
    """Answer with tool calls."""
    return said(text, finish_reason="tool_calls", calls=calls)


def raw(status: int, body: bytes, **headers: str) -> Answer:
    """Answer with these bytes; `retry_after` becomes Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(talk: Talk) -> None:
        await talk.whole(status, {**JSON, **named}, body)

    return answer


def refused(status: int, code: str | None = None, message: str = "no", **headers: str) -> Answer:
    """Answer with an error as OpenAI writes it."""
    return raw(status, json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode(), **headers)


def streamed(*deltas: Mapping[str, object] | str, finish_reason: str | None = "stop", is_cut: bool = False) -> Answer:
    """Answer piece by piece: text, or deltas as they are; None for `finish_reason` leaves the end out."""
    pieces = [{"content": delta} if isinstance(delta, str) else dict(delta) for delta in deltas]
    choices = [{"index": 0, "delta": piece, "finish_reason": None} for piece in pieces]
    chunks: list[dict[str, object]] = [{"choices": [choice]} for choice in choices]
    if finish_reason is not None:
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": 18}
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]})
        chunks.append({"choices": [], "usage": usage})
    lines = [json.dumps({**_top("chat.completion.chunk"), **chunk}) for chunk in chunks]

    async def answer(talk: Talk) -> None:
        await talk.events(lines if is_cut else [*lines, "[DONE]"], is_cut=is_cut)

    return answer


def stalled(*texts: str) -> Answer:
    """Answer with some pieces, then with nothing more until the client is gone."""
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": None} for text in texts]
    lines = [json.dumps({**_top("chat.completion.chunk"), "choices": [choice]}) for choice in choices]

    async def answer(talk: Talk) -> None:
        await talk.events(lines, stalls=True)

    return answer


def piece(index: int, *, id_: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, object]:
    """Return the delta of a tool call."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"tool_calls": [{"index": index, "function": function} | ({"id": id_} if id_ else {})]}


async def silence(talk: Talk) -> None:
    """Answer nothing until the client is gone."""
    await talk.client_is_gone()


def _top(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_795_365_314, "model": MODEL}
