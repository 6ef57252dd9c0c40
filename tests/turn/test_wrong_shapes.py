"""What users give back in a wrong shape fails their turn in words that say what to change; it never crashes it."""

from typing import Any

import pytest

from tests.turn.recording import Stage, agent, records_of, reply_of, swarm_of
from worker import CompletionMessage, CompletionRequest, ToolCall, Turn, tool
from worker.completions import ScriptedCompletion


@tool
async def act(turn: Turn) -> str:
    """Do nothing."""
    del turn
    return "done"


def answering(answer: Any) -> Any:
    async def complete(_: CompletionRequest) -> Any:
        return answer

    return complete


WRONG_ANSWERS = [
    (None, "gave None where a CompletionMessage was expected"),
    (CompletionMessage(None), 'content is None: give text, "" beside tool calls'),  # type: ignore[arg-type]
    (CompletionMessage(b"Hi"), "content is a value of type bytes"),  # type: ignore[arg-type]
    (CompletionMessage("Hi", usage={"input": 1}), "usage is a value of type dict: give a Usage, or None"),  # type: ignore[arg-type]
    (CompletionMessage("", None), "tool calls that are None: give a list of ToolCall, () for none"),  # type: ignore[arg-type]
    (CompletionMessage("", ["act"]), "a tool call that is a value of type str: give a ToolCall"),  # type: ignore[list-item]
    (CompletionMessage("", [ToolCall("1", "act", None)]), "arguments are None: give a mapping, {} for none"),  # type: ignore[arg-type]
    (CompletionMessage("", [ToolCall(1, "act")]), "id or name is no text"),  # type: ignore[arg-type]
    (CompletionMessage("", [ToolCall("1", "act", {"x": float("nan")})]), "arguments are not JSON"),
    (CompletionMessage("", [ToolCall("1", "act", {"x": object()})]), "arguments are not JSON"),  # type: ignore[dict-item]
]


@pytest.mark.parametrize(("answer", "words"), WRONG_ANSWERS)
@pytest.mark.parametrize("kind", ["execute", "run", "complete"])
async def test_an_answer_of_a_wrong_shape_fails_in_words_that_help(kind: str, answer: Any, words: str) -> None:
    stage = Stage(swarm_of(agent("a", answering(answer), tools=[act])))
    reply = reply_of(await stage.send(kind, message="hi"))
    assert reply.status == "failed"
    assert reply.error is not None
    assert reply.error.code == "agent_error"
    assert reply.error.message.startswith("the completion of agent 'a' gave ")
    assert words in reply.error.message


@pytest.mark.parametrize(
    ("hook", "made", "words"),
    [
        ("map", None, "map of agent 'a' gave None"),
        ("map", CompletionMessage(None), "map of agent 'a' gave a CompletionMessage whose content is None"),  # type: ignore[arg-type]
        ("transform", 7, "transform of agent 'a' gave int, not text"),
        ("map_tool_calls", None, "map_tool_calls of agent 'a' gave tool calls that are None"),
        (
            "map_tool_calls",
            [{"name": "act"}],
            "gave a tool call that is a value of type dict",
        ),
        ("validate", True, "validate of agent 'a' gave bool: give what is wrong with the text, None when it is fine"),
        ("prompt", None, "prompt of 'a' gave NoneType, not text"),
        ("system_dynamic", None, "system_dynamic of 'a' gave NoneType: give text, or a list of text"),
        ("system_dynamic", [7], "system_dynamic of 'a' gave list: give text, or a list of text"),
    ],
)
async def test_a_hook_that_gives_a_wrong_shape_fails_in_words_that_help(hook: str, made: Any, words: str) -> None:
    script = ScriptedCompletion([ToolCall("1", "act"), "ok"])
    stage = Stage(swarm_of(agent("a", script, tools=[act], **{hook: lambda *_: made})))
    reply = reply_of(await stage.send("execute", message="hi"))
    assert reply.error is not None
    assert words in reply.error.message


async def test_a_description_of_a_wrong_shape_leaves_the_tool_out_and_fails_in_words_that_help() -> None:
    described = tool(describe=lambda _: {"name": "act"})(act.function)  # type: ignore[arg-type, return-value]
    stage = Stage(swarm_of(agent("a", ScriptedCompletion(["ok"]), tools=[described])))
    reply = reply_of(await stage.send("execute", message="hi"))
    assert reply.error is not None
    assert reply.error.message == "describe of tool 'act' gave dict: give a ToolSpec"


async def test_a_result_of_a_tool_that_is_not_json_fails_in_words_that_help() -> None:
    @tool
    async def give() -> Any:
        return {"at": object()}

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "give")]), tools=[give])))
    finished = await stage.send("execute", message="hi")
    reply = reply_of(finished)
    assert reply.error is not None
    assert reply.error.message == (
        "tool 'give' of agent 'a' returned dict, which is not JSON: return text, or what JSON can hold"
    )
    assert ("tool", "done") not in records_of(finished)


@pytest.mark.parametrize(
    "value",
    [10**5000, float("nan"), float("-inf"), {"deep": [float("nan")]}, object(), {"x": object()}],
    ids=["huge", "nan", "inf", "nan within", "object", "object within"],
)
@pytest.mark.parametrize("call", ["set", "remember", "event", "step"])
async def test_what_can_not_be_read_back_is_refused_at_the_call(call: str, value: Any) -> None:
    raised: list[Exception] = []

    @tool
    async def keep(turn: Turn) -> str:
        try:
            match call:
                case "set":
                    await turn.state("s").set(lambda _: value)
                case "remember":
                    turn.remember({"m": value})
                case "event":
                    turn.event("topic", value)
                case _:
                    await turn.step("s", lambda: value)
        except TypeError as error:
            raised.append(error)
        return "kept"

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "keep"), "ok"]), tools=[keep])))
    finished = await stage.send("execute", message="hi")
    assert finished.status == "completed", finished.error
    assert "JSON" in str(raised[0])
    assert (stage.session.states, stage.session.memory) == ({}, {})


async def test_a_state_as_deep_as_can_be_kept_can_be_read_again() -> None:
    kept: list[Any] = []

    @tool
    async def keep(turn: Turn) -> str:
        value: Any = "core"
        while True:
            value = [value]
            try:
                kept.append(await turn.state("deep").set(lambda _, value=value: value))
            except TypeError:
                return "as deep as it gets"

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "keep"), "ok"]), tools=[keep])))
    finished = await stage.send("execute", message="hi")
    stage.session.read(finished.document or "")
    assert stage.session.states == {"deep": kept[-1]}


async def test_half_a_surrogate_pair_costs_nothing_but_itself() -> None:
    @tool
    async def speak(turn: Turn) -> str:
        await turn.emit("emitted \ud83d")
        await turn.state("name").set(lambda _: "kept \ud83d")
        return "returned \ud83d"

    script = ScriptedCompletion([ToolCall("1", "speak"), "said \ud83d"])
    stage = Stage(swarm_of(agent("a", script, tools=[speak]), bus="all"))
    finished = await stage.send("execute", message="hi")
    assert reply_of(finished).output == "said ?"
    assert [item["data"] for item in stage.port.sent] == ["emitted ?"]
    for text in (finished.document, *finished.records, *finished.events):
        (text or "").encode()


async def test_a_mode_that_is_none_is_refused_at_the_call() -> None:
    @tool
    async def note(turn: Turn) -> str:
        with pytest.raises(ValueError, match="odd"):
            await turn.commit_user_message("hi", mode='odd"')
        return "noted"

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "note"), "ok"]), tools=[note])))
    assert (await stage.send("execute", message="hi")).status == "completed"


async def test_streaming_what_is_no_text_is_refused_at_the_call() -> None:
    async def complete(request: CompletionRequest) -> CompletionMessage:
        with pytest.raises(TypeError, match="takes text"):
            request.emit_delta(7)  # type: ignore[arg-type]
        return CompletionMessage("ok")

    stage = Stage(swarm_of(agent("a", complete)))
    assert (await stage.send("execute", message="hi")).status == "completed"


async def test_telling_the_client_what_is_no_text_is_refused_at_the_call() -> None:
    @tool
    async def tell(turn: Turn) -> str:
        with pytest.raises(TypeError, match="emit takes text, not int"):
            await turn.emit(5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="notify takes text, not NoneType"):
            await turn.notify(None)  # type: ignore[arg-type]
        return "told"

    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "tell"), "ok"]), tools=[tell])))
    assert (await stage.send("execute", message="hi")).status == "completed"
    assert stage.port.sent == []
