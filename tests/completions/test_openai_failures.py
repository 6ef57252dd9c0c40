"""OpenAICompletion and a server that fails, in each way that servers fail."""

import asyncio
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.completions.conftest import KEY, Stage
from tests.completions.questions import WHERE, question
from tests.helpers.eventually import eventually
from tests.helpers.model_server import Answer, call, called, piece, raw, refused, said, silence, stalled, streamed
from worker import Retryable
from worker.completions import OpenAICompletion
from worker.completions.failures import (
    AnswerBroken,
    AnswerCutOff,
    AnswerUnreadable,
    ContextTooLong,
    KeyRefused,
    ModelBusy,
    ModelError,
    ModelTooSlow,
    QuestionRefused,
    QuotaUsedUp,
    ServerFailed,
    ServerUnreachable,
    UnknownModel,
)

OK = said("ok")


async def test_a_busy_server_is_asked_again_not_before_it_says(stage: Stage) -> None:
    setting = await stage(refused(429, "rate_limit_exceeded", retry_after="1"), OK)
    assert (await setting.completion.complete(question())).content == "ok"
    first, second = setting.server.asked
    assert second.at - first.at >= 1


async def test_a_failing_server_is_asked_again(stage: Stage) -> None:
    setting = await stage(refused(500), OK)
    assert (await setting.completion.complete(question())).content == "ok"


async def test_a_server_that_keeps_failing_is_given_up(stage: Stage) -> None:
    setting = await stage(refused(502))
    with pytest.raises(ServerFailed, match="status 502"):
        await setting.completion.complete(question())
    assert len(setting.server.asked) == 3


async def test_a_server_that_wants_long_patience_is_left_to_the_retry_of_the_turn(stage: Stage) -> None:
    setting = await stage(refused(429, retry_after="120"), OK)
    with pytest.raises(ModelBusy) as failure:
        await setting.completion.complete(question())
    assert failure.value.after_s == 120
    assert len(setting.server.asked) == 1


async def test_patience_may_be_given_as_a_date(stage: Stage) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)  # noqa: TID251 - a header with a date of the test's own
    setting = await stage(refused(503, Retry_After=format_datetime(soon, usegmt=True)))
    with pytest.raises(ModelBusy) as failure:
        await setting.completion.complete(question())
    assert failure.value.after_s is not None
    assert 30 < failure.value.after_s <= 100


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (refused(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"), KeyRefused, "check the key"),
        (refused(403), KeyRefused, "check the key"),
        (refused(404, "model_not_found"), UnknownModel, "check model and base_url"),
        (refused(400, "model_not_found"), UnknownModel, "check model"),
        (refused(400, "context_length_exceeded"), ContextTooLong, "lower keep_messages"),
        (refused(400, None, "This model's maximum context length is 8 tokens"), ContextTooLong, "lower keep_messages"),
        (refused(413), ContextTooLong, "lower keep_messages"),
        (refused(429, "insufficient_quota"), QuotaUsedUp, "top it up"),
        (refused(402), QuotaUsedUp, "top it up"),
        (refused(400, "invalid_value", f"you said {WHERE.content}"), QuestionRefused, "check options"),
        (refused(422, "42 is no code"), QuestionRefused, "status 422"),
    ],
)
async def test_what_will_not_go_well_later_is_not_asked_again(
    stage: Stage, answer: Answer, kind: type[ModelError], advice: str
) -> None:
    setting = await stage(answer)
    with pytest.raises(kind, match=advice) as failure:
        await setting.completion.complete(question())
    assert not isinstance(failure.value, Retryable)
    assert len(setting.server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
@pytest.mark.parametrize("stream", [False, True])
async def test_no_failure_repeats_the_key_or_what_was_said(stage: Stage, status: int, *, stream: bool) -> None:
    said_back = f"{KEY} was used to say: {WHERE.content}"
    setting = await stage(refused(status, said_back, said_back), stream=stream, retries=0)
    with pytest.raises(ModelError) as failure:
        await setting.completion.complete(question())
    told = "".join(traceback.format_exception(failure.value)) + repr(setting.completion)
    assert KEY not in told
    assert WHERE.content not in told


@pytest.mark.parametrize(
    "answer",
    [
        raw(200, b"{not json"),
        raw(200, b'"a string"'),
        raw(200, b"[]"),
        raw(200, b"{}"),
        raw(200, b'{"choices":[]}'),
        raw(200, b'{"choices":[{}]}'),
        raw(200, b'{"choices":[{"message":{"tool_calls":[7]}}]}'),
        raw(200, b"<html>Welcome</html>", Content_Type="text/html"),
        called(call("call_a", "order_status", '{"order_id":')),
        called(call("call_a", "order_status", "[42]")),
    ],
)
async def test_an_answer_that_is_none_says_so(stage: Stage, answer: Answer) -> None:
    setting = await stage(answer)
    with pytest.raises(AnswerUnreadable) as failure:
        await setting.completion.complete(question())
    assert isinstance(failure.value, Retryable)


@pytest.mark.parametrize(
    "answer",
    [
        streamed("On ", "its ", is_cut=True),
        streamed("On ", "its ", finish_reason=None),
        streamed(piece(0, id_="call_a", name="ping"), is_cut=True),
    ],
)
async def test_a_cut_stream_is_no_answer(stage: Stage, answer: Answer) -> None:
    setting = await stage(answer, stream=True)
    with pytest.raises(AnswerBroken) as failure:
        await setting.completion.complete(question())
    assert isinstance(failure.value, Retryable)
    assert len(setting.server.asked) == 1


async def test_rubbish_in_a_stream_says_so(stage: Stage) -> None:
    setting = await stage(raw(200, b"data: {not json\n\n", Content_Type="text/event-stream"), stream=True)
    with pytest.raises(AnswerUnreadable):
        await setting.completion.complete(question())


async def test_an_error_inside_a_stream_breaks_it(stage: Stage) -> None:
    body = b'data: {"error":{"message":"overloaded"}}\n\n'
    setting = await stage(raw(200, body, Content_Type="text/event-stream"), stream=True)
    with pytest.raises(AnswerBroken):
        await setting.completion.complete(question())


@pytest.mark.parametrize(
    "answer",
    [said("", finish_reason="length"), said(None, finish_reason="length", calls=[call("a", "ping", '{"n":')])],
)
async def test_an_answer_without_room_says_which_limit_to_raise(stage: Stage, answer: Answer) -> None:
    setting = await stage(answer)
    with pytest.raises(AnswerCutOff, match="raise it in options"):
        await setting.completion.complete(question())


async def test_a_text_that_was_cut_by_its_limit_is_an_answer(stage: Stage) -> None:
    setting = await stage(said("Once upon a", finish_reason="length"))
    assert (await setting.completion.complete(question())).content == "Once upon a"


async def test_a_slow_server_is_asked_again_and_given_up(stage: Stage) -> None:
    setting = await stage(silence, timeout_s=0.2, retries=1)
    with pytest.raises(ModelTooSlow, match=r"within 0.2 s: raise timeout_s"):
        await setting.completion.complete(question())
    assert len(setting.server.asked) == 2


async def test_an_address_where_nobody_listens_is_named_without_its_password() -> None:
    completion = OpenAICompletion("tiny-1", base_url="http://me:hunter2@127.0.0.1:1/v1", retries=0)
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1: check base_url") as failure:
        await completion.complete(question())
    await completion.aclose()
    assert "hunter2" not in "".join(traceback.format_exception(failure.value))


async def test_without_a_key_it_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(KeyRefused, match="OPENAI_API_KEY"):
        await OpenAICompletion("tiny-1").complete(question())


async def test_a_server_of_ones_own_needs_no_key(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    setting = await stage(OK, api_key=None)
    assert (await setting.completion.complete(question())).content == "ok"


async def test_a_server_that_the_environment_names_needs_no_key(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    setting = await stage(OK, api_key=None, base_url=None)
    monkeypatch.setenv("OPENAI_BASE_URL", setting.server.url)
    assert (await setting.completion.complete(question())).content == "ok"


async def test_a_stream_that_stalls_is_given_up(stage: Stage) -> None:
    setting = await stage(stalled("On "), stream=True, timeout_s=0.2)
    with pytest.raises(AnswerBroken):
        await setting.completion.complete(question())
    await eventually(lambda: setting.server.left == 1)


async def test_who_stops_listening_to_a_stream_hangs_up(stage: Stage) -> None:
    setting = await stage(stalled("On ", "its "), stream=True)
    pieces: list[str] = []
    asking = asyncio.create_task(setting.completion.complete(question(emit_delta=pieces.append)))
    await eventually(lambda: len(pieces) == 2)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await eventually(lambda: setting.server.left == 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_who_stops_waiting_hangs_up(stage: Stage, *, stream: bool) -> None:
    setting = await stage(silence, stream=stream)
    asking = asyncio.create_task(setting.completion.complete(question()))
    await setting.server.until_asked()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await eventually(lambda: setting.server.left == 1)
    assert asking.cancelled()
