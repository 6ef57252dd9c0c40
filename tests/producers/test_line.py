"""Answers of one connection, as they are handed out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ResponseError

from producers.answers import Answer
from producers.line import Address, Line, LineLost, pack
from tests.conftest import StartServer

GUARD_S = 40


@asynccontextmanager
async def open_line(url: str) -> AsyncIterator[Line]:
    """Open a line and close it in the end."""
    line = await Address(url).connect()
    try:
        async with asyncio.timeout(GUARD_S):
            yield line
    finally:
        await line.close()


async def taken_from(line: Line) -> list[Answer]:
    """Return all answers that a line hands out before its end."""
    answers: list[Answer] = []
    with pytest.raises(LineLost):
        await line.deliver_answers(answers.append)
    return answers


async def test_each_answer_comes_in_its_turn_and_errors_among_them(redis_url: str) -> None:
    async with open_line(redis_url) as line:
        echoes = [str(number).encode() for number in range(500)]
        asked = b"".join(pack(("ECHO", echo)) for echo in echoes)
        await line.write(asked + pack(("LPUSH", "text")) + asked + pack(("QUIT",)))
        answers = await taken_from(line)
    assert isinstance(answers[500], ResponseError)
    assert [*answers[:500], *answers[501:]] == [*echoes, *echoes, b"OK"]


async def test_an_answer_of_many_reads_comes_whole(redis_url: str) -> None:
    long = b"x" * 3_000_000
    async with open_line(redis_url) as line:
        await line.write(pack(("ECHO", long)) + pack(("QUIT",)))
        assert await taken_from(line) == [long, b"OK"]


async def test_a_line_to_what_has_become_a_replica_is_lost(start_server: StartServer) -> None:
    answers: list[Answer] = []
    async with open_line(start_server().url) as line:
        await line.write(pack(("REPLICAOF", "127.0.0.1", "1")) + pack(("SET", "a", "b")) + pack(("PING",)))
        with pytest.raises(LineLost, match="read-only replica"):
            await line.deliver_answers(answers.append)
    assert answers == [b"OK"]


async def test_nothing_is_handed_out_by_a_line_that_was_closed(redis_url: str) -> None:
    async with open_line(redis_url) as line:
        await line.close()
        assert await taken_from(line) == []
