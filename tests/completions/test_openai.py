"""OpenAICompletion and a server that answers as it should."""

import json

from tests.completions.conftest import KEY, Stage
from tests.completions.questions import ORDER_STATUS, WHERE, question
from tests.helpers.model_server import INPUT_TOKENS, MODEL, OUTPUT_TOKENS, call, called, piece, said, streamed
from worker import Message, ToolCall, Usage


async def test_a_question_goes_out_with_prompt_history_and_key(stage: Stage) -> None:
    setting = await stage(said("On its way."))
    history = (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello!"))
    answer = await setting.completion.complete(question(*history, Message("developer", "Psst."), WHERE))
    assert answer.content == "On its way."
    assert answer.tool_calls == ()
    assert answer.usage == Usage(MODEL, INPUT_TOKENS, OUTPUT_TOKENS)
    asked = setting.server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["model"] == "tiny-1"
    assert asked.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "system", "content": "Psst."},
        {"role": "user", "content": WHERE.content},
    ]
    assert "tools" not in asked.body


async def test_tools_are_offered_with_their_schemas(stage: Stage) -> None:
    setting = await stage(said("ok"))
    await setting.completion.complete(question(tools=[ORDER_STATUS]))
    function = setting.server.asked[0].body["tools"][0]["function"]
    assert function == {
        "name": "order_status",
        "description": ORDER_STATUS.description,
        "parameters": ORDER_STATUS.parameters,
    }


async def test_parallel_calls_come_back_with_their_ids_and_arguments(stage: Stage) -> None:
    calls = (call("call_a", "order_status", {"order_id": 42}), call("call_b", "order_status", {"order_id": 7}))
    setting = await stage(called(*calls, text="One moment."))
    answer = await setting.completion.complete(question(tools=[ORDER_STATUS]))
    assert answer.content == "One moment."
    assert list(answer.tool_calls) == [
        ToolCall("call_a", "order_status", {"order_id": 42}),
        ToolCall("call_b", "order_status", {"order_id": 7}),
    ]


async def test_outputs_of_calls_go_back_under_the_ids_of_their_calls(stage: Stage) -> None:
    setting = await stage(said("Both are on their way."))
    asking = Message(
        "assistant", "", tool_calls=(ToolCall("call_a", "order_status", {"order_id": 42}), ToolCall("call_b", "ping"))
    )
    outputs = (Message("tool", "on its way", tool_call_id="call_a"), Message("tool", "pong", tool_call_id="call_b"))
    await setting.completion.complete(question(WHERE, asking, *outputs))
    _, assistant, first, second = setting.server.asked[0].messages
    assert assistant == {
        "role": "assistant",
        "content": None,
        "tool_calls": [call("call_a", "order_status", '{"order_id":42}'), call("call_b", "ping", "{}")],
    }
    assert first == {"role": "tool", "tool_call_id": "call_a", "content": "on its way"}
    assert second == {"role": "tool", "tool_call_id": "call_b", "content": "pong"}


async def test_what_a_tool_said_before_its_output_stands_behind_it(stage: Stage) -> None:
    setting = await stage(said("ok"))
    asking = Message("assistant", "", tool_calls=(ToolCall("call_a", "ping"),))
    await setting.completion.complete(
        question(WHERE, asking, Message("user", "nested"), Message("tool", "pong", tool_call_id="call_a"))
    )
    assert [message["role"] for message in setting.server.asked[0].messages] == ["user", "assistant", "tool", "user"]


async def test_a_call_without_arguments_has_none(stage: Stage) -> None:
    setting = await stage(called(call("call_a", "ping", "")))
    assert (await setting.completion.complete(question())).tool_calls[0].arguments == {}


async def test_options_become_fields_of_the_question(stage: Stage) -> None:
    setting = await stage(said("ok"), options={"temperature": 0, "max_completion_tokens": 5})
    await setting.completion.complete(question())
    body = setting.server.asked[0].body
    assert (body["temperature"], body["max_completion_tokens"]) == (0, 5)


async def test_a_streamed_answer_is_handed_on_piece_by_piece(stage: Stage) -> None:
    setting = await stage(streamed("On ", "its ", "way."), stream=True)
    pieces: list[str] = []
    answer = await setting.completion.complete(question(emit_delta=pieces.append))
    assert pieces == ["On ", "its ", "way."]
    assert answer.content == "On its way."
    assert answer.usage == Usage(MODEL, INPUT_TOKENS, OUTPUT_TOKENS)
    assert setting.server.asked[0].body["stream"] is True


async def test_streamed_calls_are_put_together(stage: Stage) -> None:
    arguments = json.dumps({"order_id": 42})
    deltas = (
        piece(0, id_="call_a", name="order_status"),
        piece(0, arguments=arguments[:5]),
        piece(1, id_="call_b", name="ping", arguments="{}"),
        piece(0, arguments=arguments[5:]),
    )
    setting = await stage(streamed(*deltas, finish_reason="tool_calls"), stream=True)
    pieces: list[str] = []
    answer = await setting.completion.complete(question(tools=[ORDER_STATUS], emit_delta=pieces.append))
    assert list(answer.tool_calls) == [
        ToolCall("call_a", "order_status", {"order_id": 42}),
        ToolCall("call_b", "ping", {}),
    ]
    assert pieces == []


async def test_streamed_calls_without_numbers_are_told_apart_by_their_ids(stage: Stage) -> None:
    first, second = (piece(0, id_=id_, name="ping", arguments="{}") for id_ in ("call_a", "call_b"))
    for delta in (first, second):
        del delta["tool_calls"][0]["index"]  # pyright: ignore[reportIndexIssue, reportArgumentType]
    setting = await stage(streamed(first, second, finish_reason="tool_calls"), stream=True)
    answer = await setting.completion.complete(question())
    assert [made.id for made in answer.tool_calls] == ["call_a", "call_b"]


async def test_one_connection_serves_many_questions(stage: Stage) -> None:
    setting = await stage(said("ok"))
    for _ in range(3):
        await setting.completion.complete(question())
    assert setting.server.accepted == 1


async def test_after_closing_it_can_be_asked_again(stage: Stage) -> None:
    setting = await stage(said("ok"))
    await setting.completion.complete(question())
    await setting.completion.aclose()
    assert (await setting.completion.complete(question())).content == "ok"
    assert setting.server.accepted == 2
