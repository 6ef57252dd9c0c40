"""What is piped in, line by line."""

import io

from worker.cli.demo_input import Lines


async def test_a_line_that_is_no_utf8_is_a_question_too_and_so_is_the_next() -> None:
    source = io.TextIOWrapper(io.BytesIO(b"O\xf9 est 42?\n\n  \nWhere is order 1?"), encoding="utf-8", errors="strict")
    assert [line async for line in Lines((), source).questions()] == ["O\ufffd est 42?", "Where is order 1?"]
