"""Finished steps are not run again when a turn is (architecture, section 7)."""

import asyncio
from typing import Any

import pytest

from tests.turn.recording import RecordingPort, Stage, agent, reply_of, started, swarm_of
from worker import CompletionMessage, CompletionRequest, Policy, ToolCall, Turn, tool
from worker.completions import ScriptedCompletion
from worker.core.session import Session
from worker.turn.corridor import open_turn, take_turn


class Crashing:
    """An agent with tools whose worker dies at a marked place, and runs again on another one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ran: list[str] = []
        self.die_at = ""
        self.reached = asyncio.Event()
        agents = [
            agent("a", self.complete, tools=[self.charge_tool(), self.go_tool()], max_tool_calls=2),
            agent("b", self.complete),
        ]
        self.stage = Stage(swarm_of(*agents))
        self.request = self.stage.request("execute", message="pay")

    async def reach(self, place: str) -> None:
        if self.die_at == place:
            self.reached.set()
            await asyncio.Event().wait()

    async def complete(self, request: CompletionRequest) -> CompletionMessage:
        last = request.messages[-1]
        self.asked.append(last.content)
        await self.reach(f"ask {len(self.asked)}")
        if last.role == "user":
            return CompletionMessage("", [ToolCall("", "charge", {"amount": 5}), ToolCall("", "go")])
        return CompletionMessage(f"{request.agent_name} done")

    def charge_tool(self) -> Any:
        @tool
        async def charge(turn: Turn, amount: int) -> str:
            self.ran.append("charge")
            receipt = await turn.step("bill", self.bill, amount)
            await turn.state("paid").set(lambda _old: receipt)
            await turn.emit(f"Paid {receipt}.")
            await self.reach("charge")
            return f"receipt {receipt}"

        return charge

    def go_tool(self) -> Any:
        @tool
        async def go() -> str:
            self.ran.append("go")
            await self.reach("go")
            return "stay"

        return go

    def bill(self, amount: int) -> int:
        self.ran.append("bill")
        return amount * 100

    async def attempt(self, port: RecordingPort, replay: dict[str, str], *, die_at: str = "", number: int = 1) -> Any:
        self.die_at = die_at
        self.reached.clear()
        session = Session(client_id="alice", swarm_name="support", default_agent="a")
        turn = open_turn(port, self.stage.swarm, session, self.request, number)
        turn.replay = dict(replay)
        if not die_at:
            return await take_turn(turn), session
        task = await started(turn, self.reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return None, session


async def test_after_a_crash_in_a_later_tool_nothing_before_it_runs_again() -> None:
    crashing, port = Crashing(), RecordingPort()
    await crashing.attempt(port, {}, die_at="go")
    again = RecordingPort()
    finished, session = await crashing.attempt(again, port.journal, number=2)
    assert reply_of(finished).output == "a done"
    assert crashing.ran == ["charge", "bill", "go", "go"]
    assert crashing.asked == ["pay", "stay"]
    assert session.states == {"paid": 500}
    assert again.sent == []


async def test_a_crashed_attempt_and_an_undisturbed_one_write_the_same_history() -> None:
    undisturbed, _ = await Crashing().attempt(RecordingPort(), {})
    crashing, port = Crashing(), RecordingPort()
    await crashing.attempt(port, {}, die_at="go")
    finished, _ = await crashing.attempt(RecordingPort(), port.journal, number=2)
    assert finished.records == undisturbed.records
    assert finished.document == undisturbed.document


async def test_after_a_crash_inside_a_tool_its_finished_steps_and_emits_are_not_repeated() -> None:
    crashing, port = Crashing(), RecordingPort()
    await crashing.attempt(port, {}, die_at="charge")
    assert [item["data"] for item in port.sent] == ["Paid 500."]
    again = RecordingPort()
    await crashing.attempt(again, port.journal, number=2)
    assert crashing.ran == ["charge", "bill", "charge", "go"]
    assert crashing.asked == ["pay", "stay"]
    assert again.sent == []


async def test_a_crash_during_the_last_question_repeats_only_that_question() -> None:
    crashing, port = Crashing(), RecordingPort()
    await crashing.attempt(port, {}, die_at="ask 2")
    finished, _ = await crashing.attempt(RecordingPort(), port.journal, number=2)
    assert reply_of(finished).output == "a done"
    assert crashing.ran == ["charge", "bill", "go"]
    assert crashing.asked == ["pay", "stay", "stay"]


async def test_a_third_attempt_still_has_what_the_first_one_finished() -> None:
    crashing, first, second = Crashing(), RecordingPort(), RecordingPort()
    await crashing.attempt(first, {}, die_at="charge")
    await crashing.attempt(second, first.journal, die_at="go", number=2)
    finished, _ = await crashing.attempt(RecordingPort(), first.journal | second.journal, number=3)
    assert reply_of(finished).output == "a done"
    assert crashing.asked == ["pay", "stay"]
    assert crashing.ran.count("bill") == 1


async def test_a_step_that_is_given_something_else_runs_and_voids_what_follows() -> None:
    crashing, port = Crashing(), RecordingPort()
    await crashing.attempt(port, {}, die_at="go")
    crashing.request = crashing.stage.request("execute", message="pay more")
    await crashing.attempt(RecordingPort(), port.journal, number=2)
    assert crashing.asked[:2] == ["pay", "pay more"]
    assert crashing.ran.count("bill") == 2


async def test_a_result_that_is_no_json_is_refused_at_once() -> None:
    caught: list[str] = []

    @tool
    async def bad(turn: Turn) -> str:
        try:
            await turn.step("odd", object)
        except TypeError as error:
            caught.append(str(error))
        return "x"

    async def complete(request: CompletionRequest) -> CompletionMessage:
        return CompletionMessage("ok") if len(request.messages) > 1 else CompletionMessage("", [ToolCall("", "bad")])

    await Stage(swarm_of(agent("a", complete, tools=[bad]))).say("hi")
    assert len(caught) == 1


async def test_an_idempotency_key_is_the_same_in_every_attempt_and_differs_by_call() -> None:
    keys: list[str] = []

    @tool
    async def pay(turn: Turn) -> str:
        keys.append(turn.idempotency_key("pay"))
        return "x"

    async def complete(request: CompletionRequest) -> CompletionMessage:
        calls = [ToolCall("", "pay"), ToolCall("", "pay")]
        return CompletionMessage("ok") if len(request.messages) > 1 else CompletionMessage("", calls)

    on = swarm_of(agent("a", complete, tools=[pay], max_tool_calls=2))
    for _ in range(2):
        await Stage(on).say("hi")
    assert keys[:2] == keys[2:]
    assert keys[0] != keys[1]


async def test_an_idempotency_key_differs_by_call_also_where_a_model_numbers_its_calls_afresh_in_each_answer() -> None:
    keys: list[str] = []

    @tool
    async def pay(turn: Turn) -> str:
        keys.append(turn.idempotency_key("pay"))
        return "x"

    script = [ToolCall("call_0", "pay"), ToolCall("call_0", "pay"), "ok"]
    for _ in range(2):
        await Stage(swarm_of(agent("a", ScriptedCompletion(script), tools=[pay]))).say("hi")
    assert keys[:2] == keys[2:]
    assert keys[0] != keys[1]


async def test_an_answer_is_on_record_before_an_async_policy_looks_at_it() -> None:
    known: list[set[str]] = []

    async def judge(_text: str, _session: object) -> bool:
        known.append(set(stage.port.journal))
        return True

    stage = Stage(swarm_of(agent("a", ScriptedCompletion(["hello"])), policies=[Policy("p", validate_output=judge)]))
    await stage.say("hi")
    assert known == [{"step/1"}]


async def test_a_turn_without_async_hooks_writes_no_journal() -> None:
    polite = Policy("p", validate_input=lambda *_: True, validate_output=lambda *_: True)
    stage = Stage(swarm_of(agent("a", ScriptedCompletion(["hello"])), policies=[polite]))
    await stage.say("hi")
    assert (stage.port.journal, stage.port.calls) == ({}, ["fresh"])


class Card:
    """Something whose `repr` tells where it lies in memory."""


async def replayed(run: Any, **options: Any) -> list[str]:
    """Run a turn of one tool in two attempts, the second with the journal of the first; return what was done."""
    done: list[str] = []

    @tool
    async def work(turn: Turn) -> str:
        await run(turn, done)
        return "worked"

    async def complete(request: CompletionRequest) -> CompletionMessage:
        done.append("asked")
        last = request.messages[-1].role
        return CompletionMessage("ok") if last == "tool" else CompletionMessage("", [ToolCall("", "work")])

    journal: dict[str, str] = {}
    for number in (1, 2):
        stage = Stage(swarm_of(agent("a", complete, tools=[work], **options)))
        turn = open_turn(stage.port, stage.swarm, stage.session, stage.request("execute", message="hi"), number)
        turn.replay = journal
        await take_turn(turn)
        journal = {field: entry for field, entry in stage.port.journal.items() if '"tool:' not in entry}
    return done


async def test_a_step_is_known_by_what_it_is_given_wherever_that_lies_and_however_a_set_is_ordered() -> None:
    names = [["a", "b", "c"], ["c", "b", "a"]]

    async def run(turn: Turn, done: list[str]) -> None:
        async def pay(_card: Card, _names: set[str], **_more: object) -> int:
            done.append("paid")
            return 1

        await turn.step("pay", pay, Card(), set(names[turn.attempt - 1]), card=Card())

    assert (await replayed(run)).count("paid") == 1


async def test_steps_that_are_started_together_are_not_run_again() -> None:
    async def run(turn: Turn, done: list[str]) -> None:
        async def pay(name: str) -> str:
            done.append(name)
            return name

        # What goes first must not depend on who has to wait for a flush.
        await turn.emit("paying")
        given = [turn.step(f"pay {name}", pay, name) for name in ("a", "b", "c")]
        assert await asyncio.gather(*given) == ["a", "b", "c"]

    done = await replayed(run)
    assert sorted(done) == ["a", "asked", "asked", "asked", "b", "c"]


async def test_lines_that_are_computed_do_not_void_what_was_done() -> None:
    clock = iter(range(100))

    async def run(turn: Turn, done: list[str]) -> None:
        await turn.step("pay", done.append, "paid")

    done = await replayed(run, prompt=lambda _: f"It is {next(clock)}.", system_dynamic=lambda _: f"{next(clock)} s")
    assert done.count("paid") == 1
    assert done.count("asked") == 3
