"""What never becomes a turn, and what ends one from outside (protocol.md, terminal reply)."""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, events_of, records_of, reply_of, started, swarm_of, trace_of
from worker import CompletionMessage, CompletionRequest
from worker.completions import EchoCompletion
from worker.core.outcome import Replied
from worker.errors import Fenced
from worker.turn.corridor import bury, cancel, expire, finish_interrupted, take_turn
from worker.turn.port import OpenTurn


def plain(**options: Any) -> Stage:
    return Stage(swarm_of(agent("a", EchoCompletion()), **options))


@pytest.mark.parametrize(
    ("kind", "raw", "words"),
    [
        ("execute", b"{}", "message"),
        ("execute", b'{"message":3}', "message"),
        ("execute", b'{"message":"a","message":"b"}', "twice"),
        ("execute", b"[1]", "object"),
        ("execute", b"{", "JSON"),
        ("execute", b'{"message":"\xff"}', "UTF-8"),
        ("execute", b'{"message":"a","mode":"loud"}', "mode"),
        ("change-agent", b"{}", "agentName"),
        ("nonsense", b"{}", "unknown kind"),
        ("event", b'{"topic":"session-bus","payload":1}', "topic"),
    ],
)
async def test_a_bad_body_fails_without_a_turn_and_wants_a_dead_letter(kind: str, raw: bytes, words: str) -> None:
    stage = plain()
    finished = await stage.send(kind, raw=raw)
    reply = reply_of(finished)
    assert (reply.status, reply.turn, reply.agent_name, reply.seq) == ("failed", None, None, None)
    assert reply.error is not None
    assert reply.error.code == "bad_request"
    assert words in reply.error.message
    assert (finished.dead_reason, finished.error) == ("bad_request", reply.error.message)
    assert (finished.events, finished.records, finished.opens) == ([], [], False)
    assert stage.session.turn == 0


async def test_a_request_past_its_deadline_is_not_started() -> None:
    stage = plain()
    finished = await stage.send("execute", message="hi", deadline_ms=1)
    reply = reply_of(finished)
    assert (reply.status, reply.output, reply.error, reply.turn) == ("expired", "", None, None)
    assert (finished.records, finished.opens, stage.session.turn) == ([], False, 0)


async def test_a_request_before_its_deadline_is_answered() -> None:
    stage = plain()
    assert (await stage.say("hi", deadline_ms=stage.port.clock_ms + 1000)).output == "hi"


def test_a_request_that_was_tried_too_often_is_buried() -> None:
    stage = plain()
    finished = bury(stage.open("execute", message="hi", attempt=4))
    reply = reply_of(finished)
    assert (reply.status, reply.attempts) == ("failed", 4)
    assert reply.output in stage.swarm.texts.placeholders
    assert reply.error is not None
    assert reply.error.code == "attempts_exhausted"
    assert (finished.dead_reason, finished.records) == ("attempts_exhausted", [])


def test_requests_that_waited_are_cancelled_and_expired_ones_expire() -> None:
    stage = plain()
    assert reply_of(cancel(stage.open("execute", message="hi"), "dispose")).status == "cancelled"
    assert reply_of(expire(stage.open("execute", message="hi", deadline_ms=1))).status == "expired"
    assert stage.session.turn == 0


async def test_a_client_id_with_quotes_stays_valid_json() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())), client_id='ann"-клиент')
    finished = await stage.send("execute", message="hi")
    assert reply_of(finished).client_id == 'ann"-клиент'
    assert json.loads(finished.events[0])["clientId"] == 'ann"-клиент'


class Hanging:
    """A stage whose agent waits for ever, and the turn that waits for it."""

    def __init__(self, **options: Any) -> None:
        self.reached = asyncio.Event()
        self.stage = Stage(swarm_of(agent("a", self.complete), **options))

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError(request.client_id)

    async def interrupt(self, reason: str) -> Any:
        turn = self.stage.open("execute", message="hi")
        task = await started(turn, self.reached)
        turn.cancelled_by = reason
        return await self.ended(turn, task)

    async def ended(self, turn: OpenTurn, task: asyncio.Task[Any]) -> Any:
        """Do what the lane does once a turn is marked."""
        assert turn.cancelled_by
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return finish_interrupted(turn)


@pytest.mark.parametrize("reason", ["cancel-output", "interrupt", "dispose"])
async def test_an_interrupted_turn_ends_as_cancelled_and_keeps_its_history(reason: str) -> None:
    hanging = Hanging()
    finished = await hanging.interrupt(reason)
    reply = reply_of(finished)
    assert (reply.status, reply.output, reply.turn) == ("cancelled", "", 1)
    assert records_of(finished) == [("user", "hi")]
    assert events_of(finished, "commit-execution-end")[0]["output"] == {"status": "cancelled"}
    assert len(hanging.stage.session.history) == 1


async def test_a_rolled_back_turn_leaves_no_trace_in_the_session() -> None:
    hanging = Hanging()
    turn = hanging.stage.open("execute", message="hi")
    task = await started(turn, hanging.reached)
    turn.session.states = {"count": 1}
    turn.cancelled_by = "rollback"
    finished = await hanging.ended(turn, task)
    assert (finished.records, finished.document) == ([], None)
    assert (turn.session.states, turn.session.history, turn.session.turn) == ({}, [], 1)


async def test_a_turn_with_all_events_tells_observers_that_it_has_no_output() -> None:
    finished = await Hanging(bus="all").interrupt("cancel-output")
    assert trace_of(finished)[-4:] == [
        "swarm-bus get-agent-name",
        "swarm-bus wait-for-output",
        "session-bus execute",
        "execution-bus commit-execution-end",
    ]
    assert events_of(finished, "execute")[0]["output"] == {"result": ""}


async def test_code_that_swallows_the_cancellation_does_not_win() -> None:
    reached = asyncio.Event()

    async def stubborn(_request: CompletionRequest) -> CompletionMessage:
        reached.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return CompletionMessage("too late")

    stage = Stage(swarm_of(agent("a", stubborn)))
    turn = stage.open("execute", message="hi")
    task = await started(turn, reached)
    turn.cancelled_by = "cancel-output"
    task.cancel()
    assert reply_of(await task).status == "cancelled"


async def test_losing_the_session_is_not_taken_for_a_fault_of_the_agent() -> None:
    async def fenced(_request: CompletionRequest) -> CompletionMessage:
        raise Fenced("support:alice")

    with pytest.raises(Fenced):
        await take_turn(Stage(swarm_of(agent("a", fenced))).open("execute", message="hi"))


async def test_the_outcome_itself_is_there_for_observers() -> None:
    assert (await plain().send("execute", message="hi")).outcome == Replied("hi")
