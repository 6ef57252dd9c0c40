"""Questions beside the conversation (spec, sections 3.2, 4.5, 7.8) and the kinds that only open or tell."""

import json

from tests.turn.recording import Stage, agent, answering, contents, events_of, records_of, reply_of, swarm_of, trace_of
from worker import (
    AgentCallbacks,
    CompletionMessage,
    CompletionRequest,
    Policy,
    SwarmCallbacks,
    Texts,
    ToolCall,
    Turn,
    tool,
)
from worker.completions import EchoCompletion, ScriptedCompletion


async def test_a_run_sees_the_history_and_leaves_none() -> None:
    script = ScriptedCompletion(["one", "two"])
    stage = Stage(swarm_of(agent("a", script, prompt="p", tools=[tool(name="t")(lambda: "x")])))
    await stage.say("first")
    finished = await stage.send("run", message="beside")
    assert (reply_of(finished).output, finished.records) == ("two", [])
    assert contents(script.requests[1].messages) == ["p", "first", "one", "beside"]
    assert script.requests[1].tools == ()


async def test_a_run_behind_a_message_that_a_tool_committed_is_asked_its_own_question() -> None:
    @tool
    async def look(turn: Turn) -> str:
        await turn.commit_user_message("by the way")
        return await turn.run("beside")

    questions: list[str] = []

    def answer(request: CompletionRequest) -> str | CompletionMessage:
        questions.append(request.last_user_message())
        return "ok" if questions[1:] else CompletionMessage(tool_calls=[ToolCall("1", "look")])

    await Stage(swarm_of(agent("a", answering(answer), tools=[look]))).say("hi")
    assert questions == ["hi", "beside", "by the way"]


async def test_a_run_asks_no_policy() -> None:
    policy = Policy("p", validate_input=lambda *_: False, validate_output=lambda *_: False)
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[policy]))
    assert reply_of(await stage.send("run", message="hi")).output == "hi"


async def test_a_run_that_calls_tools_or_says_nothing_is_answered_with_nothing() -> None:
    stage = Stage(swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "t"), ""]))))
    for _ in range(2):
        reply = reply_of(await stage.send("run", message="hi"))
        assert (reply.status, reply.output) == ("completed", "")


async def test_a_run_that_fails_ends_as_failed() -> None:
    stage = Stage(swarm_of(agent("a", ScriptedCompletion([OSError()])), texts=Texts(placeholders=["Sorry?"])))
    reply = reply_of(await stage.send("run", message="hi"))
    assert (reply.status, reply.output) == ("failed", "Sorry?")


async def test_callbacks_of_a_run() -> None:
    told: list[str] = []
    on = agent("a", EchoCompletion(), callbacks=AgentCallbacks(on_run=lambda _turn, text: told.append(f"agent {text}")))
    callbacks = SwarmCallbacks(on_run=lambda _turn, text: told.append(f"swarm {text}"))
    await Stage(swarm_of(on, callbacks=callbacks)).send("run", message="hi")
    assert told == ["swarm hi", "agent hi"]


async def test_one_shots_in_a_row_open_no_session_and_name_who_answered() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    for _ in range(2):
        finished = await stage.send("complete", message="hi")
        assert (finished.opens, reply_of(finished).agent_name, reply_of(finished).turn) == (False, "a", 1)
    assert stage.session.turn == 0


async def test_an_event_for_nobody_lets_the_next_request_find_no_session() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    for _ in range(2):
        finished = await stage.send("event", topic="tick", payload=1)
        assert (finished.opens, finished.events) == (False, [])


async def test_a_one_shot_leaves_the_live_session_alone() -> None:
    script = ScriptedCompletion(["one", ToolCall("1", "count"), "two", "three"])

    @tool
    async def count(turn: Turn) -> str:
        await turn.state("n").set(lambda _old: 1)
        return "counted"

    told: list[str] = []
    callbacks = SwarmCallbacks(
        on_init=lambda _turn: told.append("init"), on_dispose=lambda _turn: told.append("dispose")
    )
    stage = Stage(swarm_of(agent("a", script, tools=[count]), callbacks=callbacks))
    await stage.say("first")
    finished = await stage.send("complete", message="beside")
    assert (reply_of(finished).output, finished.records, finished.document) == ("two", [], None)
    assert events_of(finished, "dispose")[0]["input"] == {"reason": "complete"}
    assert contents(script.requests[1].messages) == ["beside"]
    await stage.say("second")
    assert contents(script.requests[3].messages) == ["first", "one", "second"]
    assert told == ["init", "init", "dispose"]


async def test_a_one_shot_opens_no_session_and_obeys_bans() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), policies=[Policy("p", ban_message="no")]))
    stage.session.banned = {"p"}
    finished = await stage.send("complete", message="hi")
    assert (reply_of(finished).output, finished.opens) == ("no", False)


async def test_connect_opens_the_session() -> None:
    told: list[str] = []
    stage = Stage(
        swarm_of(
            agent("a", EchoCompletion()), callbacks=SwarmCallbacks(on_connect=lambda turn: told.append(turn.client_id))
        )
    )
    finished = await stage.send("connect")
    assert (trace_of(finished), finished.opens, told) == (["session-bus connect"], True, ["alice"])


async def test_an_event_is_published_in_a_session_only() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    finished = await stage.send("event", topic="door", payload=[1])
    assert (finished.events, finished.opens, finished.status) == ([], False, "completed")
    await stage.say("hi")
    finished = await stage.send("event", topic="door", payload=[1])
    event = json.loads(finished.events[0])
    assert (event["source"], event["payload"], event["clientId"]) == ("door", [1], "alice")
    assert records_of(finished) == []
