"""A model that repeats what it was told."""

from tests.unit.completions.requests import question
from worker import Message
from worker.completions import EchoCompletion


async def test_it_answers_with_the_last_user_message() -> None:
    request = question(Message("user", "one"), Message("assistant", "x"), Message("user", "two"), Message("tool", "y"))
    assert (await EchoCompletion(prefix="> ").complete(request)).content == "> two"


async def test_without_a_user_message_it_answers_with_the_prefix() -> None:
    assert (await EchoCompletion().complete(question())).content == ""
