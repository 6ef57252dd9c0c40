"""Models of every provider that pydantic-ai knows, through its model layer alone (extra `llm`)."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import ModelResponse, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import Model, infer_model
from pydantic_ai.settings import ModelSettings

from worker.completions.failures import AnswerUnreadable, ModelError, ModelNotSetUp, QuestionRefused, ServerUnreachable
from worker.completions.http_status import failure_of_status
from worker.completions.pydantic_ai_format import answer_of, messages_of, parameters_of
from worker.definitions.completion import CompletionMessage, CompletionRequest


@dataclass(frozen=True, eq=False)
class PydanticAICompletion:
    """Asks a model through pydantic-ai: one of its `Model`s, or a name such as `"anthropic:claude-sonnet-4-5"`.

    A name is looked up when it is first needed; the provider's library then reads its key from the environment. That
    library has to be installed, as in `pip install 'pydantic-ai-slim[anthropic]'`. With `stream` the text goes out as
    deltas while the model writes, before any policy has seen it. `settings` are pydantic-ai's, such as
    `{"temperature": 0, "timeout": 30}`. Retries are those of the provider's library. Raises `ModelError`.
    """

    model: Model | str
    _: KW_ONLY
    stream: bool = False
    settings: ModelSettings | None = None

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        """Answer the request; the HTTP request ends with the task that waits for it."""
        try:
            answer = await (self._streamed(request) if self.stream else self._whole(request))
            return answer_of(answer)
        except Exception as error:
            failure = _failure_of(error)
            if failure is None:
                raise
            # `from None`: errors of pydantic-ai quote the server, and servers quote keys and texts
            raise failure from None

    async def aclose(self) -> None:
        """Close the connections that pydantic-ai opened for a model that was given by name."""
        model = self.__dict__.pop("_found", None)
        if model is not None and model is not self.model:
            async with model:
                """Leaving a model closes the client of its provider."""

    @cached_property
    def _found(self) -> Model:
        try:
            return infer_model(self.model)
        except (UserError, ImportError) as error:
            # about names, packages and variables alone: nothing was asked yet
            raise ModelNotSetUp(str(error)) from None

    async def _whole(self, request: CompletionRequest) -> ModelResponse:
        return await model_request(
            self._found,
            messages_of(request.messages),
            model_settings=self.settings,
            model_request_parameters=parameters_of(request.tools),
        )

    async def _streamed(self, request: CompletionRequest) -> ModelResponse:
        stream = model_request_stream(
            self._found,
            messages_of(request.messages),
            model_settings=self.settings,
            model_request_parameters=parameters_of(request.tools),
        )
        async with stream as events:
            async for event in events:
                match event:
                    case (
                        PartStartEvent(part=TextPart(content=text))
                        | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
                    ):
                        if text:
                            request.emit_delta(text)
                    case _:
                        pass
        return events.get()


def _failure_of(error: Exception) -> ModelError | None:
    """Return what an error of pydantic-ai means, None for what is not about the model."""
    match error:
        case ExceptionGroup() if error.exceptions:
            # a fallback model that has tried them all: the last one's reason is as good as any
            return _failure_of(error.exceptions[-1])
        case ModelHTTPError():
            return failure_of_status(error.status_code, error.model_name, error.body, error.headers or {})
        case ModelAPIError():
            return ServerUnreachable(f"no answer from the server of {error.model_name!r}: check that it can be reached")
        case UnexpectedModelBehavior():
            return AnswerUnreadable("the answer is not what the provider promises")
        case UserError():
            return QuestionRefused("pydantic-ai can't ask this of the model: check settings, tools and their schemas")
        case _:
            return None
