"""What the client gets when there is no answer (spec, sections 7.5-7.7 and 14; decisions D3, D5)."""

import asyncio
import json
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, answering, contents, records_of, reply_of, swarm_of
from worker import AgentCallbacks, CompletionMessage, CompletionRequest, Texts, ToolCall
from worker.completions import EchoCompletion, ScriptedCompletion

SORRY = Texts(placeholders=["Sorry?"], flush="fresh", recomplete="again please")


def stage(completion: Any, *, agent_options: dict[str, Any] | None = None, **options: Any) -> Stage:
    return Stage(swarm_of(agent("a", completion, **(agent_options or {})), texts=SORRY, **options))


async def test_a_failing_completion_ends_as_failed_with_a_placeholder() -> None:
    on = stage(ScriptedCompletion([OSError("the key is hunter2")]))
    finished = await on.send("execute", message="hi")
    reply = reply_of(finished)
    assert (reply.status, reply.output) == ("failed", "Sorry?")
    assert reply.error is not None
    assert (reply.error.code, reply.error.message) == ("agent_error", "the completion of agent 'a' raised OSError")
    assert finished.dead_reason is None
    assert on.port.notes == ["agent_error"]
    assert records_of(finished) == [("user", "hi"), ("assistant", ""), ("resque", "empty output"), ("user", "fresh")]


async def test_a_swarm_may_bury_what_its_agents_fail_at() -> None:
    finished = await stage(ScriptedCompletion([OSError()]), bury_agent_errors=True).send("execute", message="hi")
    assert (finished.dead_reason, finished.error) == ("agent_error", "the completion of agent 'a' raised OSError")


@pytest.mark.parametrize("answer", ["", "  ", '{"name": "f", "arguments": {}}', "<think>only thoughts</think>"])
async def test_an_answer_of_no_use_completes_with_a_placeholder(answer: str) -> None:
    reply = await stage(ScriptedCompletion([answer])).say("hi")
    assert (reply.status, reply.output) == ("completed", "Sorry?")


async def test_after_a_failure_the_model_sees_nothing_of_before() -> None:
    script = ScriptedCompletion(["", "fine"])
    on = stage(script)
    await on.say("hi")
    await on.say("still there?")
    assert contents(script.requests[1].messages) == ["fresh", "still there?"]


async def test_a_completion_that_takes_too_long_is_cancelled() -> None:
    cancelled: list[bool] = []

    async def hang(_request: CompletionRequest) -> CompletionMessage:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    reply = await stage(hang, agent_options={"completion_timeout_s": 0.01}).say("hi")
    assert (reply.status, reply.output) == ("failed", "Sorry?")
    assert reply.error is not None
    assert reply.error.message == "the completion of agent 'a' took longer than 0.01 s"
    assert cancelled == [True]


async def test_a_time_out_of_the_completion_s_own_is_named_as_its_error() -> None:
    reply = await stage(ScriptedCompletion([TimeoutError()])).say("hi")
    assert reply.error is not None
    assert reply.error.message == "the completion of agent 'a' raised TimeoutError"


async def test_a_turn_that_takes_too_long_fails_as_turn_timeout() -> None:
    async def hang(_request: CompletionRequest) -> CompletionMessage:
        await asyncio.Event().wait()
        raise AssertionError

    finished = await stage(hang, turn_timeout_s=0.01).send("execute", message="hi")
    reply = reply_of(finished)
    assert (reply.status, reply.output) == ("failed", "Sorry?")
    assert reply.error is not None
    assert (reply.error.code, reply.error.message) == ("turn_timeout", "the turn took longer than 0.01 s")
    assert json.loads(finished.events[-1])["output"] == {"status": "failed"}
    assert records_of(finished) == [("user", "hi")]


async def test_a_completion_that_returns_nonsense_fails() -> None:
    async def wrong(_request: CompletionRequest) -> Any:
        await asyncio.sleep(0)  # noqa: TID251 - lets the loop turn once
        return "just text"

    reply = await stage(wrong).say("hi")
    assert reply.error is not None
    assert reply.error.message == (
        "the completion of agent 'a' gave a value of type str where a CompletionMessage was expected"
    )


@pytest.mark.parametrize("hook", ["transform", "map", "validate"])
async def test_a_hook_that_raises_fails_the_turn(hook: str) -> None:
    def fail(*_: object) -> Any:
        raise OSError

    reply = await stage(EchoCompletion(), agent_options={hook: fail}).say("hi")
    assert (reply.status, reply.output) == ("failed", "Sorry?")
    assert reply.error is not None
    assert reply.error.message == f"{hook} of agent 'a' raised OSError"


async def test_an_agent_s_own_check_takes_the_place_of_the_default_one() -> None:
    def no_digits(text: str) -> str | None:
        return "digits" if any(letter.isdigit() for letter in text) else None

    on = stage(EchoCompletion(), agent_options={"validate": no_digits, "transform": lambda text, _session: text})
    assert (await on.say("42")).output == "Sorry?"
    call = '{"name": "f", "arguments": {}}'
    assert (await on.say(call)).output == call


async def test_an_answer_larger_than_the_limit_is_not_sent() -> None:
    reply = await stage(ScriptedCompletion(["ä" * 51]), output_max_bytes=100).say("hi")
    assert reply.output == "Sorry?"
    assert (await stage(ScriptedCompletion(["ä" * 50]), output_max_bytes=100).say("hi")).output == "ä" * 50


async def test_recomplete_asks_once_more_with_a_hint() -> None:
    script = ScriptedCompletion(["", "better"])
    on = stage(script, resque_strategy="recomplete")
    assert (await on.say("hi")).output == "better"
    assert contents(script.requests[1].messages) == ["hi", "again please"]


async def test_recomplete_gives_up_after_the_second_try() -> None:
    script = ScriptedCompletion(["", "", "for next time"])
    on = stage(script, resque_strategy="recomplete")
    assert (await on.say("hi")).output == "Sorry?"
    assert contents(script.requests[2].messages) == ["fresh"]
    script.assert_complete()


async def test_custom_recovery_answers_in_its_own_words() -> None:
    on = stage(
        ScriptedCompletion([""]), resque_strategy="custom", resque=lambda session: f"Ask {session.swarm_name} later."
    )
    assert (await on.say("hi")).output == "Ask support later."


async def test_an_agent_is_told_of_its_resurrection() -> None:
    told: list[tuple[str, str]] = []
    callbacks = AgentCallbacks(on_resurrect=lambda _turn, mode, reason: told.append((mode, reason)))
    await stage(ScriptedCompletion([""]), agent_options={"callbacks": callbacks}).say("hi")
    assert told == [("user", "empty output")]


async def test_callbacks_that_raise_harm_nobody() -> None:
    def fail(*_: object) -> None:
        raise OSError

    async def fail_later(*_: object) -> None:
        raise OSError

    callbacks = AgentCallbacks(on_execute=fail, on_output=fail_later)
    on = stage(EchoCompletion(), agent_options={"callbacks": callbacks})
    reply = await on.say("hi")
    assert (reply.status, reply.output) == ("completed", "hi")
    assert on.port.notes == ["callback_error", "callback_error"]


async def test_a_placeholder_is_the_same_in_every_attempt() -> None:
    texts = Texts(placeholders=[f"p{n}" for n in range(50)])
    outputs = set()
    for _ in range(3):
        on = Stage(swarm_of(agent("a", answering(lambda _request: "")), texts=texts))
        outputs.add((await on.say("hi")).output)
    assert len(outputs) == 1


async def test_two_calls_with_one_id_are_an_error_of_the_model() -> None:
    calls = [ToolCall("1", "x"), ToolCall("1", "y")]
    reply = await stage(ScriptedCompletion([calls])).say("hi")
    assert (reply.status, reply.output) == ("failed", "Sorry?")
