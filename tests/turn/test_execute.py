"""The active agent answers (spec, sections 3.1 and 7.2)."""

import json

from tests.turn.recording import Stage, agent, answering, contents, records_of, reply_of, swarm_of
from worker import AgentCallbacks, CompletionMessage, Message, SessionInfo, SwarmCallbacks, ToolCall, tool
from worker.completions import EchoCompletion, ScriptedCompletion
from worker.core.history import message_of


async def test_an_answer_is_replied_and_both_sides_go_to_the_history() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion(prefix="> "))))
    finished = await stage.send("execute", message="  hi ")
    reply = reply_of(finished)
    assert (reply.status, reply.output, reply.agent_name, reply.turn) == ("completed", "> hi", "a", 1)
    assert (reply.attempts, reply.accepted_at_ms, reply.error) == (1, 1_795_365_313_000, None)
    assert [message_of(record) for record in finished.records] == [
        Message("user", "hi", "a", "user"),
        Message("assistant", "> hi", "a", "tool"),
    ]
    assert finished.document is None
    assert finished.opens


async def test_no_request_ends_before_it_was_accepted() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    stage.port.clock_ms = 0  # behind the clock of Redis
    finished = [await stage.send("execute", message="hi"), await stage.send("execute", message=None)]
    replies = [reply_of(one) for one in finished]
    assert [reply.finished_at_ms - reply.accepted_at_ms for reply in replies] == [0, 0]


async def test_the_model_sees_prompt_system_lines_and_the_turns_before() -> None:
    script = ScriptedCompletion(["one", "two"])
    stage = Stage(swarm_of(agent("a", script, prompt="Be kind.", system=["Be short.", ""])))
    await stage.say("first")
    await stage.say("second")
    assert contents(script.requests[1].messages) == ["Be kind.", "Be short.", "first", "one", "second"]
    assert [message.role for message in script.requests[1].messages][:2] == ["system", "system"]


async def test_prompt_and_system_lines_may_be_computed() -> None:
    async def prompt(session: SessionInfo) -> str:
        return f"You serve {session.client_id}."

    script = ScriptedCompletion(["ok"])
    on = agent("a", script, prompt=prompt, system="fixed", system_dynamic=lambda session: [session.agent_name, "x"])
    await Stage(swarm_of(on)).say("hi")
    assert contents(script.requests[0].messages) == ["You serve alice.", "fixed", "a", "x", "hi"]


async def test_keep_messages_bounds_what_the_model_sees() -> None:
    script = ScriptedCompletion(["1", "2", "3"])
    stage = Stage(swarm_of(agent("a", script, keep_messages=2)))
    for text in ("a", "b", "c"):
        await stage.say(text)
    assert contents(script.requests[2].messages) == ["2", "c"]


async def test_a_model_is_told_the_question_only_while_nothing_came_after_it() -> None:
    @tool
    def look() -> str:
        return "here"

    script = ScriptedCompletion([ToolCall("1", "look"), "ok", "empty"])
    stage = Stage(swarm_of(agent("a", script, tools=[look])))
    await stage.say("hi")
    await stage.say(" ")
    assert [request.question for request in script.requests] == ["hi", None, None]
    assert [request.last_user_message() for request in script.requests] == ["hi"] * 3


async def test_a_model_that_may_not_be_shown_the_question_is_not_told_it() -> None:
    for options in ({"keep_messages": 0}, {"history_filter": lambda message: message.content != "hi"}):
        script = ScriptedCompletion(["ok"])
        await Stage(swarm_of(agent("a", script, **options))).say("hi")
        assert script.requests[0].last_user_message() == ""


async def test_an_agent_may_choose_what_it_sees_of_the_history() -> None:
    script = ScriptedCompletion(["1", "2", "3"])
    stage = Stage(swarm_of(agent("a", script, history_filter=lambda message: message.role == "user")))
    for text in ("a", "b", "c"):
        await stage.say(text)
    assert contents(script.requests[2].messages) == ["a", "b", "c"]


async def test_the_window_in_memory_stays_as_short_as_a_claim_would_read_it() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion(), keep_messages=3)))
    for n in range(10):
        await stage.say(f"m{n}")
    assert len(stage.session.history) == 4
    assert stage.session.turn == 10


async def test_answers_are_mapped_then_transformed_and_the_history_keeps_the_raw_text() -> None:
    on = agent(
        "a",
        EchoCompletion(),
        map=lambda message, _session: CompletionMessage(message.content + "!"),
        transform=lambda text, session: f"{session.agent_name}: {text.upper()}",
    )
    finished = await Stage(swarm_of(on)).send("execute", message="hi")
    assert reply_of(finished).output == "a: HI!"
    assert records_of(finished)[1] == ("assistant", "hi!")


async def test_a_payload_goes_with_what_the_client_wrote_and_reaches_callbacks() -> None:
    told: list[object] = []
    callbacks = AgentCallbacks(on_execute=lambda turn, _text, _mode: told.append(turn.payload))
    finished = await Stage(swarm_of(agent("a", EchoCompletion(), callbacks=callbacks))).send(
        "execute", message="hi", payload={"lang": "en"}
    )
    assert json.loads(finished.records[0])["payload"] == {"lang": "en"}
    assert told == [{"lang": "en"}]


async def test_tool_mode_marks_the_record_and_drops_the_payload() -> None:
    finished = await Stage(swarm_of(agent("a", EchoCompletion()))).send(
        "execute", message="hi", mode="tool", payload={"x": 1}
    )
    assert message_of(finished.records[0]) == Message("user", "hi", "a", "tool")


async def test_a_request_for_another_agent_is_skipped() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion()), agent("b", EchoCompletion())))
    finished = await stage.send("execute", message="hi", agentName="b")
    reply = reply_of(finished)
    assert (reply.status, reply.output, reply.skipped) == ("completed", "", True)
    assert (finished.records, finished.events) == ([], [])
    assert not (await stage.say("hi", agentName="a")).skipped


async def test_a_stored_agent_that_is_gone_is_stood_in_for_by_the_default() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion(prefix="a: "))))
    stage.session.active_agent = "gone"
    reply = await stage.say("hi")
    assert (reply.output, reply.agent_name) == ("a: hi", "a")


async def test_callbacks_are_told_in_order() -> None:
    told: list[str] = []
    stage = Stage(
        swarm_of(
            agent(
                "a",
                EchoCompletion(),
                callbacks=AgentCallbacks(
                    on_init=lambda turn: told.append(f"agent init {turn.agent_name}"),
                    on_execute=lambda _turn, text, mode: told.append(f"agent execute {text} {mode}"),
                    on_output=lambda _turn, text: told.append(f"output {text}"),
                    on_assistant_message=lambda _turn, text: told.append(f"assistant {text}"),
                ),
            ),
            callbacks=SwarmCallbacks(
                on_init=lambda turn: told.append(f"init {turn.client_id} {turn.swarm_name}"),
                on_execute=lambda _turn, text, mode: told.append(f"execute {text} {mode}"),
            ),
        )
    )
    await stage.say("hi")
    assert told == [
        "init alice support",
        "agent init a",
        "execute hi user",
        "agent execute hi user",
        "output hi",
        "assistant hi",
    ]
    told.clear()
    await stage.say("again")
    assert told[0] == "execute again user"


async def test_a_completion_may_be_an_object_or_a_function_and_stream() -> None:
    def answer(request: object) -> str:
        request.emit_delta("he")  # type: ignore[attr-defined]
        request.emit_delta("llo")  # type: ignore[attr-defined]
        return "hello"

    stage = Stage(swarm_of(agent("a", answering(answer))))
    assert (await stage.say("hi")).output == "hello"
    assert stage.port.deltas == ["he", "llo"]


async def test_a_turn_of_one_answer_asks_the_lane_for_nothing_but_a_fresh_lease() -> None:
    stage = Stage(swarm_of(agent("a", EchoCompletion())))
    await stage.say("hi")
    assert stage.port.calls == ["fresh"]


async def test_text_that_is_no_unicode_reaches_the_client_as_valid_json() -> None:
    stage = Stage(swarm_of(agent("a", ScriptedCompletion(["half \ud83d pair"]))))
    assert (await stage.say("hi")).output == "half ? pair"
