"""Agents who are human: the question goes out once, the turn is parked, the answer ends it (spec, section 7.12)."""

import asyncio
import json
from typing import Any

import pytest

from tests.turn.recording import Stage, agent, reply_of, swarm_of, trace_of
from worker import Agent, AgentCallbacks, App, DefinitionError, Operator, ToolCall, Turn, tool
from worker.completions import EchoCompletion, RuleCompletion
from worker.core.request import AdmittedRequest
from worker.turn.corridor import open_turn, take_turn
from worker.turn.operator import pending_question
from worker.turn.port import Finished, OpenTurn
from worker.turn.progress import Parked


def human(**options: Any) -> Agent:
    return Agent("human", operator=Operator(timeout_s=options.pop("timeout_s", None)), **options)


class Desk:
    """A session whose turns are run again as often as the test wants, as a lane would."""

    def __init__(self, *agents: Agent, **options: Any) -> None:
        self.stage = Stage(swarm_of(*(agents or (human(),)), **options))
        self.port = self.stage.port

    def asked(self) -> list[str]:
        return [item["data"] for item in self.port.sent if item["type"] == "question"]

    async def run(self, request: AdmittedRequest) -> tuple[Finished | None, OpenTurn]:
        turn = open_turn(self.port, self.stage.swarm, self.stage.session, request, 1)
        turn.replay = dict(self.port.journal)
        try:
            return await take_turn(turn), turn
        except asyncio.CancelledError:
            assert turn.parked is not None
            self.stage.session.restore(turn.before)  # the next claim has what was committed
            return None, turn

    async def parked(self, **body: Any) -> AdmittedRequest:
        request = self.stage.request("execute", **body)
        assert (await self.run(request))[0] is None
        return request

    async def control(self, kind: str, **body: Any) -> Finished:
        turn = self.stage.open(kind, **body)
        journal = {f"r-1/{name}": value for name, value in self.port.journal.items()}
        turn.parked = Parked(pending_question(journal)) if pending_question(journal) else None
        return await take_turn(turn)

    async def ended(self, request: AdmittedRequest) -> Finished:
        finished, _ = await self.run(request)
        assert finished is not None
        return finished


async def test_the_question_goes_out_once_and_the_turn_is_parked() -> None:
    desk = Desk()
    request = await desk.parked(message=" Hello? ")
    _, turn = await desk.run(request)
    assert turn.parked is not None
    assert turn.parked.until_ms - desk.port.clock_ms > 9 * 365 * 24 * 3600 * 1000
    assert desk.asked() == ["Hello?"]
    (question,) = desk.port.sent
    assert (question["questionId"], question["agentName"], question["requestId"]) == ("r-1/1", "human", "r-1")


async def test_the_answer_ends_the_turn_and_nothing_is_kept_in_the_history() -> None:
    told: list[str] = []
    callbacks = AgentCallbacks(on_output=lambda _turn, text: told.append(text))
    desk = Desk(human(callbacks=callbacks), bus="all")
    request = await desk.parked(message="Hello?")
    answered = await desk.control("operator-answer", message="Hi!")
    assert (reply_of(answered).output, answered.wakes) == ("true", True)
    assert json.loads(answered.document or "") == {"resolved": {"r-1/1": {"answer": "Hi!"}}}
    finished = await desk.ended(request)
    assert (reply_of(finished).status, reply_of(finished).output) == ("completed", "Hi!")
    assert (finished.records, finished.document) == ([], "")
    assert told == ["Hi!"]
    kinds = trace_of(finished)
    assert "agent-bus emit-output" in kinds
    assert kinds.count("session-bus ask-operator") == 1


async def test_the_first_answer_counts_and_one_to_another_question_does_not() -> None:
    desk = Desk()
    request = await desk.parked(message="Hello?")
    other = await desk.control("operator-answer", message="what?", questionId="r-9/1")
    assert (reply_of(other).output, other.wakes, other.document) == ("false", False, None)
    assert reply_of(await desk.control("operator-answer", message="one", questionId="r-1/1")).output == "true"
    assert reply_of(await desk.control("operator-answer", message="two")).output == "false"
    assert reply_of(await desk.ended(request)).output == "one"


async def test_without_a_parked_turn_an_answer_changes_nothing() -> None:
    finished = await Desk().control("operator-answer", message="Hi!")
    assert (reply_of(finished).status, reply_of(finished).output, finished.wakes) == ("completed", "false", False)


async def test_when_its_time_is_over_the_answer_is_empty() -> None:
    desk = Desk(human(timeout_s=60))
    request = await desk.parked(message="Hello?")
    desk.port.clock_ms += 59_000
    assert (await desk.run(request))[0] is None
    desk.port.clock_ms += 2_000
    assert (reply_of(await desk.ended(request)).status, reply_of(await desk.ended(request)).output) == ("completed", "")


@pytest.mark.parametrize(
    ("kind", "body", "status", "output"),
    [("cancel-output", {}, "cancelled", ""), ("emit", {"message": "Closed."}, "completed", "Closed.")],
)
async def test_control_ends_a_parked_turn(kind: str, body: dict[str, str], status: str, output: str) -> None:
    desk = Desk()
    request = await desk.parked(message="Hello?")
    assert (await desk.control(kind, **body)).wakes
    reply = reply_of(await desk.ended(request))
    assert (reply.status, reply.output) == (status, output)


async def test_a_tool_that_asks_a_human_does_not_run_twice_what_it_has_done() -> None:
    done: list[str] = []

    @tool
    async def ask_boss(turn: Turn) -> str:
        await turn.step("note", done.append, "noted")
        await turn.change_agent("human")
        first = await turn.execute("May I?")
        second = await turn.execute("Really?")
        return f"{first} {second}"

    model = RuleCompletion([("boss", ToolCall("", "ask_boss"))])
    desk = Desk(agent("clerk", model, tools=[ask_boss]), human())
    request = await desk.parked(message="ask your boss")
    assert desk.asked() == ["May I?"]
    assert reply_of(await desk.control("operator-answer", message="yes")).output == "true"
    assert (await desk.run(request))[0] is None
    assert desk.asked() == ["May I?", "Really?"]
    assert reply_of(await desk.control("operator-answer", message="really")).output == "true"
    finished = await desk.ended(request)
    assert reply_of(finished).output == "really"
    assert done == ["noted"]
    assert desk.asked() == ["May I?", "Really?"]


@pytest.mark.parametrize("kind", ["commit-system-message", "commit-assistant-message", "commit-developer-message"])
async def test_other_commits_are_not_kept(kind: str) -> None:
    desk = Desk()
    finished = await desk.stage.send(kind, message="note")
    assert (reply_of(finished).status, finished.records) == ("completed", [])
    assert desk.port.notes == ["operator_commit"]


async def test_a_user_message_is_shown_and_nobody_waits_for_an_answer() -> None:
    desk = Desk()
    turn = desk.stage.open("commit-user-message", message="By the way")
    finished = await take_turn(turn)
    assert [json.loads(item)["questionId"] for item in turn.emits] == [None]
    assert (finished.records, desk.port.notes) == ([], [])


async def test_a_stateless_question_has_no_answer() -> None:
    assert reply_of(await Desk().stage.send("run", message="Hello?")).output == ""


def test_an_operator_needs_nothing_that_a_model_needs() -> None:
    asks = [("completion", EchoCompletion()), ("prompt", "Be kind."), ("handoffs", ["other"])]
    for name, value in asks:
        wrong = Agent("human", operator=Operator(), **{name: value})  # type: ignore[arg-type]
        with pytest.raises(DefinitionError, match=f"so it has no {name}"):
            App([swarm_of(wrong, agent("other", EchoCompletion()))])
    with pytest.raises(DefinitionError, match="timeout_s must be positive"):
        App([swarm_of(human(timeout_s=0))])
    with pytest.raises(DefinitionError, match="completion None"):
        App([swarm_of(Agent("nobody"))])


def test_a_question_is_pending_until_its_answer_is_on_record() -> None:
    asked = {"r-1/step/1": "{}", "r-1/question/2": "17"}
    assert pending_question({}) == pending_question({"r-1/step/1": "{}"}) == ""
    assert pending_question(asked) == "r-1/2"
    assert pending_question(asked | {"r-1/step/2": "{}"}) == ""
    assert pending_question(asked | {"r-1/step/2": "{}", "r-1/question/5": "17"}) == "r-1/5"
