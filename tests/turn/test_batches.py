"""What a tool knows of the batch that its call belongs to, and what becomes of the batch."""

from tests.turn.recording import Stage, agent, answering, records_of, reply_of, swarm_of
from worker import CompletionMessage, CompletionRequest, Policy, SessionInfo, ToolCall, Turn, tool
from worker.completions import EchoCompletion, ScriptedCompletion
from worker.core.history import message_of
from worker.turn.corridor import take_turn


async def test_a_tool_knows_the_whole_batch_and_why_it_was_called() -> None:
    seen: list[tuple[list[str], str]] = []

    @tool
    async def look(turn: Turn, n: int) -> str:
        seen.append(([call.id for call in turn.tool_calls], turn.call_reason))
        return f"found {n}"

    calls = [ToolCall("1", "look", {"n": 1}), ToolCall("2", "look", {"n": 2})]
    script = ScriptedCompletion([CompletionMessage("Let me look.", calls), "done"])
    await Stage(swarm_of(agent("a", script, tools=[look], max_tool_calls=2))).say("hi")
    assert seen == [(["1", "2"], "Let me look.")] * 2


async def test_a_tool_that_only_stops_the_batch_still_has_an_output() -> None:
    @tool
    async def stop(turn: Turn) -> None:
        await turn.commit_stop_tools()

    script = ScriptedCompletion([ToolCall("1", "stop"), "done"])
    finished = await Stage(swarm_of(agent("a", script, tools=[stop]))).send("execute", message="hi")
    assert records_of(finished) == [("user", "hi"), ("assistant", ""), ("tool", "Done."), ("assistant", "done")]


async def test_a_tool_whose_execution_was_refused_has_an_output_and_the_turn_goes_on() -> None:
    heard: list[str] = []

    @tool
    async def ask(turn: Turn) -> None:
        heard.append(await turn.execute("bad"))

    polite = Policy("polite", validate_input=lambda text, _: text != "bad", ban_message="Stay polite.")
    script = ScriptedCompletion([ToolCall("1", "ask"), "done"])
    finished = await Stage(swarm_of(agent("a", script, tools=[ask]), policies=[polite])).send("execute", message="hi")
    assert (heard, reply_of(finished).output) == (["Stay polite."], "done")
    assert ("tool", "Done.") in records_of(finished)


async def test_nobody_hands_over_to_an_agent_that_is_not_there() -> None:
    @tool
    async def leave(turn: Turn) -> None:
        await turn.hand_over("nobody")

    script = ScriptedCompletion([ToolCall("1", "leave")])
    stage = Stage(swarm_of(agent("a", script, tools=[leave]), agent("b", EchoCompletion())))
    finished = await stage.send("execute", message="hi")
    assert reply_of(finished).status == "failed"
    assert "handed over" not in str(records_of(finished))
    assert stage.session.active_agent == "a"


async def test_the_history_of_an_agent_begins_with_the_lines_that_its_model_was_shown() -> None:
    seen: list[list[str]] = []

    @tool
    async def look(turn: Turn) -> str:
        seen.append([message.content for message in turn.agent_history() if message.content])
        return "found"

    def dynamic(session: SessionInfo) -> str:
        return f"for {session.client_id}"

    for options in ({"prompt": "p", "system": "s"}, {"prompt": "p", "system_dynamic": dynamic}):
        script = ScriptedCompletion([ToolCall("1", "look"), "done"])
        await Stage(swarm_of(agent("a", script, tools=[look], **options))).say("hi")
    assert seen == [["p", "s", "hi"], ["p", "for alice", "hi"]]


async def test_recomplete_looks_at_an_answer_as_map_makes_it() -> None:
    def mended(message: CompletionMessage, _: SessionInfo) -> CompletionMessage:
        return message._replace(content=message.content or "mended")

    script = ScriptedCompletion([""])
    stage = Stage(swarm_of(agent("a", script, map=mended), resque_strategy="recomplete"))
    assert (await stage.say("hi")).output == "mended"
    script.assert_complete()


async def test_a_fault_inside_a_tool_call_is_still_there_when_the_call_is_not_made_again() -> None:
    made: list[str] = []

    @tool
    async def ask(turn: Turn) -> str:
        made.append("ask")
        return await turn.execute("inner")

    @tool
    async def look() -> str:
        return "found"

    def fail_inside(request: CompletionRequest) -> CompletionMessage:
        if request.last_user_message() == "inner":
            raise OSError
        return CompletionMessage("", [ToolCall("1", "ask"), ToolCall("2", "look")])

    swarm = swarm_of(agent("a", answering(fail_inside), tools=[ask, look], max_tool_calls=2))
    first, second = Stage(swarm), Stage(swarm)
    reply = await first.say("hi")
    turn = second.open("execute", message="hi", attempt=2)
    turn.replay = dict(first.port.journal)
    repeated = reply_of(await take_turn(turn))
    assert (reply.status, repeated.status) == ("failed", "failed")
    assert made == ["ask"]


async def test_a_user_message_that_a_tool_commits_carries_the_payload_given_or_that_of_the_turn() -> None:
    @tool
    async def note(turn: Turn) -> str:
        await turn.commit_user_message("one", payload={"of": "the message"})
        await turn.commit_user_message("two")
        await turn.commit_user_message("three", "tool")
        return "noted"

    script = ScriptedCompletion([ToolCall("1", "note"), "done"])
    stage = Stage(swarm_of(agent("a", script, tools=[note])))
    finished = await stage.send("execute", message="hi", payload={"of": "the turn"})
    payloads = {message.content: message.payload for message in map(message_of, finished.records)}
    assert [payloads[name] for name in ("one", "two", "three")] == [{"of": "the message"}, {"of": "the turn"}, None]
