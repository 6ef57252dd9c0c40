"""A model that says its lines in order."""

import pytest

from tests.unit.completions.requests import asked
from worker import CompletionMessage, ToolCall
from worker.completions import ScriptedCompletion


async def test_it_says_its_lines_in_order_and_keeps_the_questions() -> None:
    call = ToolCall("1", "look")
    script = ScriptedCompletion(["hi", call, [call, call], CompletionMessage("both", [call])])
    said = [await script.complete(asked(text)) for text in "abcd"]
    assert said == [
        CompletionMessage("hi"),
        CompletionMessage("", (call,)),
        CompletionMessage("", (call, call)),
        CompletionMessage("both", [call]),
    ]
    assert [request.messages[0].content for request in script.requests] == ["a", "b", "c", "d"]
    script.assert_complete()


async def test_an_error_among_the_lines_is_raised() -> None:
    with pytest.raises(OSError, match="down"):
        await ScriptedCompletion([OSError("down")]).complete(asked("a"))


async def test_a_question_too_many_is_an_error() -> None:
    script = ScriptedCompletion(["hi"])
    await script.complete(asked("a"))
    with pytest.raises(AssertionError, match="question 2"):
        await script.complete(asked("b"))


def test_lines_that_nobody_asked_for_are_an_error() -> None:
    with pytest.raises(AssertionError, match="2 of 2"):
        ScriptedCompletion(["a", "b"]).assert_complete()
