"""Models behind the OpenAI chat API, of any server that speaks it; through the official client (extra `openai`)."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    OpenAIError,
    Timeout,
    omit,
)
from openai.types.chat import ChatCompletion
from pydantic import JsonValue

from worker.clock import Backoff, sleep
from worker.completions.failures import (
    AnswerBroken,
    AnswerUnreadable,
    KeyRefused,
    ModelBusy,
    ModelError,
    ModelTooSlow,
    ServerFailed,
    ServerUnreachable,
)
from worker.completions.http_status import failure_of_status
from worker.completions.openai_format import Written, answer_of, messages_of, tools_of
from worker.definitions.completion import CompletionMessage, CompletionRequest

OPENAI_HOST = "api.openai.com"
CONNECT_WITHIN_S = 5.0
FIRST_WAIT_S = 0.5
#: a server that wants more patience than this is left to the retry of the turn: waiting here would hold a slot
LONGEST_WAIT_S = 10.0
ASK_AGAIN = (ModelBusy, ServerFailed, ServerUnreachable)
#: what Python raises where an answer is not built as the API promises
MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class OpenAICompletion:
    """Asks a model on any server that speaks the OpenAI chat API.

    Without `base_url` and `api_key` the client reads OPENAI_BASE_URL and OPENAI_API_KEY when it is first needed.
    `timeout_s` bounds one attempt, of a stream each pause; `completion_timeout_s` of the agent bounds all attempts.
    Rate limits, status 5xx and lost connections are tried `retries` times more, with back-off and not before the
    server's Retry-After. With `stream` the text goes out as deltas while the model writes, before any policy has seen
    it. `options` are further fields of the API, such as `{"temperature": 0}`. Raises `ModelError`.
    """

    model: str
    _: KW_ONLY
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    stream: bool = False
    timeout_s: float = 60.0
    retries: int = 2
    options: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer the request; the HTTP request ends with the task that waits for it."""
        backoff = Backoff(first_s=FIRST_WAIT_S, most_s=LONGEST_WAIT_S)
        while True:
            try:
                return await self._asked(request)
            except ASK_AGAIN as failure:
                wait_s = max(backoff.next_s(), failure.after_s or 0)
                if backoff.failures > self.retries or wait_s > LONGEST_WAIT_S:
                    raise
            await sleep(wait_s)

    async def aclose(self) -> None:
        """Close the connections; a later question opens them again."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            await client.close()

    @cached_property
    def _client(self) -> AsyncOpenAI:
        timeout = Timeout(self.timeout_s, connect=min(CONNECT_WITHIN_S, self.timeout_s))
        try:
            return AsyncOpenAI(api_key=self.api_key, base_url=self.base_url, timeout=timeout, max_retries=0)
        except OpenAIError:
            # A server of one's own mostly wants no key, but the client does.
            client = AsyncOpenAI(api_key="none", base_url=self.base_url, timeout=timeout, max_retries=0)
        if urlsplit(str(client.base_url)).hostname == OPENAI_HOST:
            raise KeyRefused("there is no key: set OPENAI_API_KEY, or give api_key")
        return client

    async def _asked(self, request: CompletionRequest) -> CompletionMessage:
        client = self._client
        try:
            return await (self._streamed(client, request) if self.stream else self._whole(client, request))
        except APIError as error:
            # `from None`: the error of the client quotes the server, and servers quote keys and texts
            raise self._failure_of(error, client) from None
        except MISSHAPEN as error:
            raise AnswerUnreadable(f"the answer is not what the API promises ({type(error).__name__})") from None

    async def _whole(self, client: AsyncOpenAI, request: CompletionRequest) -> CompletionMessage:
        completion = await client.chat.completions.create(
            model=self.model,
            messages=messages_of(request.messages),
            tools=tools_of(request.tools) or omit,
            extra_body=self.options,
        )
        if not isinstance(completion, ChatCompletion):  # pyright: ignore[reportUnnecessaryIsInstance] - the server's word
            # a page of HTML comes back as text
            raise AnswerUnreadable("the answer is no JSON: check base_url (often ends in /v1)")
        return answer_of(completion)

    async def _streamed(self, client: AsyncOpenAI, request: CompletionRequest) -> CompletionMessage:
        written = Written()
        stream = await client.chat.completions.create(
            model=self.model,
            messages=messages_of(request.messages),
            tools=tools_of(request.tools) or omit,
            stream=True,
            stream_options={"include_usage": True},
            extra_body=self.options,
        )
        async with stream:
            try:
                async for chunk in stream:
                    text = written.add(chunk)
                    if text:
                        request.emit_delta(text)
            except APIError as error:
                # What was streamed can't be taken back, so the adapter does not ask again by itself.
                raise AnswerBroken(f"the stream of the answer broke off ({type(error).__name__})") from None
        if not written.finish_reason:
            raise AnswerBroken("the stream of the answer ended before the answer did")
        return written.message()

    def _failure_of(self, error: APIError, client: AsyncOpenAI) -> ModelError:
        match error:
            case APIStatusError():
                return failure_of_status(error.status_code, self.model, error.body, error.response.headers)
            case APITimeoutError():
                return ModelTooSlow(f"no answer from {_place(client)} within {self.timeout_s:g} s: raise timeout_s")
            case APIConnectionError():
                return ServerUnreachable(f"no connection to {_place(client)}: check base_url, and that the server runs")
            case _:
                return AnswerUnreadable("the answer is not what the API promises")


def _place(client: AsyncOpenAI) -> str:
    """Return host and port, without what else an address may hold: user names, passwords, keys."""
    parts = urlsplit(str(client.base_url))
    return parts.hostname or "" if parts.port is None else f"{parts.hostname}:{parts.port}"
