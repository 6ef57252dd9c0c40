"""Messages that are answered together: the newest is answered, those before it become history (spec, section 4.2)."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from tests.turn.recording import Stage, agent, answering, contents, records_of, started, swarm_of, trace_of
from worker import AgentCallbacks, Policy, SwarmCallbacks
from worker.completions import EchoCompletion, ScriptedCompletion
from worker.core.history import message_of
from worker.core.request import AdmittedRequest
from worker.turn.corridor import finish_interrupted, open_turn, take_turn
from worker.turn.port import Finished, OpenTurn
from worker.turn.together import run_of


def waiting(stage: Stage, *messages: str | dict[str, Any]) -> list[AdmittedRequest]:
    """Return requests that want to be answered together; a dict is a body with stream fields."""
    bodies = [{"message": one} if isinstance(one, str) else one for one in messages]
    return [replace(stage.request("execute", **body), when_busy="coalesce") for body in bodies]


def opened(stage: Stage, *messages: str | dict[str, Any]) -> OpenTurn:
    run = run_of(waiting(stage, *messages))
    turn = open_turn(stage.port, stage.swarm, stage.session, run[-1].request, 1)
    turn.together = run
    return turn


async def sent(stage: Stage, *messages: str | dict[str, Any]) -> Finished:
    return await take_turn(opened(stage, *messages))


def endings(finished: Finished) -> list[tuple[str, str, str]]:
    """Return (request id, status, output) of each reply."""
    replies = [json.loads(one.reply) for one in finished.together]
    return [(reply["requestId"], reply["status"], reply["output"]) for reply in replies]


def polite(**options: Any) -> Policy:
    return Policy("polite", validate_input=lambda text, _: "damn" not in text, ban_message="No.", **options)


async def test_the_newest_is_answered_and_all_senders_get_that_answer() -> None:
    script = ScriptedCompletion(["fine"])
    stage = Stage(swarm_of(agent("a", script)))
    finished = await sent(stage, " one ", "two", "three")
    assert endings(finished) == [
        ("r-1", "completed", "fine"),
        ("r-2", "completed", "fine"),
        ("r-3", "completed", "fine"),
    ]
    assert contents(script.requests[0].messages) == ["one", "two", "three"]
    script.assert_complete()
    assert records_of(finished) == [("user", "one"), ("user", "two"), ("user", "three"), ("assistant", "fine")]
    assert stage.session.turn == 1


async def test_each_reply_is_its_senders_own() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    requests = [replace(one, accepted_at_ms=n) for n, one in enumerate(waiting(stage, "one", "two"))]
    run = run_of(requests)
    turn = open_turn(stage.port, stage.swarm, stage.session, run[-1].request, 1)
    turn.together = run
    replies = [json.loads(one.reply) for one in (await take_turn(turn)).together]
    assert [(reply["requestId"], reply["acceptedAtMs"], reply["turn"]) for reply in replies] == [
        ("r-1", 0, 1),
        ("r-2", 1, 1),
    ]


async def test_what_is_superseded_is_committed_as_a_user_message_of_its_own() -> None:
    told: list[str] = []
    callbacks = AgentCallbacks(
        on_user_message=lambda _turn, text: told.append(f"committed {text}"),
        on_execute=lambda _turn, text, _mode: told.append(f"executed {text}"),
    )
    stage = Stage(swarm_of(agent("a", EchoCompletion(), callbacks=callbacks)))
    finished = await sent(stage, {"message": "one", "payload": 1}, {"message": "two", "payload": 2})
    assert told == ["committed one", "executed two"]
    assert [message_of(record).payload for record in finished.records] == [1, 2, None]
    assert trace_of(finished) == [
        "execution-bus commit-execution-begin",
        "session-bus commit-user-message",
        "session-bus execute",
        "execution-bus commit-execution-end",
    ]


async def test_policies_check_each_text_and_a_refused_one_is_neither_kept_nor_answered() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[polite()]))
    finished = await sent(stage, "damn one", "two", "damn three", "four", "damn five")
    assert endings(finished) == [
        ("r-1", "refused", "No."),
        ("r-2", "completed", "four"),
        ("r-3", "refused", "No."),
        ("r-4", "completed", "four"),
        ("r-5", "refused", "No."),
    ]
    assert records_of(finished) == [("user", "two"), ("user", "four"), ("assistant", "four")]


async def test_a_ban_by_one_text_counts_for_all_that_have_no_end_yet() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[polite(auto_ban=True)]))
    finished = await sent(stage, "one", "damn two", "three")
    assert [status for _, status, _ in endings(finished)] == ["refused", "refused", "refused"]


async def test_when_all_are_refused_no_model_is_asked() -> None:
    stage = Stage(swarm_of(agent("a", ScriptedCompletion([])), policies=[polite()]))
    finished = await sent(stage, "damn", "damn it")
    assert [status for _, status, _ in endings(finished)] == ["refused", "refused"]
    assert (finished.status, finished.records) == ("refused", [])


async def test_one_past_its_deadline_expires_and_one_for_another_agent_is_skipped() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), agent("b", EchoCompletion())))
    finished = await sent(
        stage, "one", {"message": "two", "deadline_ms": 1}, {"message": "three", "agentName": "b"}, "four"
    )
    assert [status for _, status, _ in endings(finished)] == ["completed", "expired", "completed", "completed"]
    expired, skipped = (json.loads(one.reply) for one in finished.together[1:3])
    assert (expired["turn"], expired["seq"], finished.together[1].sequenced) == (None, None, False)
    assert (skipped["skipped"], skipped["output"]) == (True, "")
    assert records_of(finished) == [("user", "one"), ("user", "four"), ("assistant", "four")]


async def test_a_failure_is_the_failure_of_all() -> None:
    def fail(_: object) -> str:
        raise RuntimeError

    finished = await sent(Stage(swarm_of(agent("a", answering(fail)))), "one", "two")
    replies = [json.loads(one.reply) for one in finished.together]
    assert [(reply["status"], reply["error"]["code"]) for reply in replies] == [("failed", "agent_error")] * 2


async def test_a_cancelled_turn_is_cancelled_for_all_but_those_that_had_their_end() -> None:
    reached = asyncio.Event()

    async def hang(_: object) -> Any:
        reached.set()
        await asyncio.Event().wait()

    stage = Stage(swarm_of(agent("a", hang), policies=[polite()]))
    turn = opened(stage, "damn", "one", "two")
    task = await started(turn, reached)
    turn.cancelled_by = "interrupt"
    task.cancel()
    await asyncio.wait([task])
    finished = finish_interrupted(turn)
    assert [status for _, status, _ in endings(finished)] == ["refused", "cancelled", "cancelled"]
    assert records_of(finished) == [("user", "one"), ("user", "two")]


async def test_a_session_that_is_opened_this_way_is_told_of_once() -> None:
    told: list[str] = []
    callbacks = SwarmCallbacks(
        on_init=lambda turn: told.append(f"init {turn.request_id}"),
        on_execute=lambda turn, text, _: told.append(f"execute {text} {turn.request_id}"),
    )
    await sent(Stage(swarm_of(agent("a", EchoCompletion()), callbacks=callbacks)), "one", "two")
    assert told == ["init r-2", "execute two r-2"]


def test_a_run_ends_where_another_kind_begins_or_a_body_can_not_be_read() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    one, two, three = waiting(stage, "one", "two", "three")
    unreadable = replace(two, body=b"{")
    plain = replace(two, when_busy="enqueue")
    connect = replace(two, kind="connect", when_busy="", body=b"{}")
    assert [together.request for together in run_of([one, two, three])] == [one, two, three]
    for other in (unreadable, plain, connect):
        assert [together.request for together in run_of([one, other, three])] == [one]
        assert run_of([other, one]) == []


def test_a_run_has_its_limits() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    assert len(run_of(waiting(stage, *["x"] * 150))) == 100
    assert len(run_of(waiting(stage, *["x" * 250_000] * 10))) == 4
