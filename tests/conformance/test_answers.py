"""How an answer comes about: what the model is shown, what becomes of what it says."""

from tests.conformance.conftest import Serve
from tests.conformance.house import agent, swarm
from tests.conformance.model import Model, call, echo, recall
from worker import AgentCallbacks, CompletionMessage, SessionInfo, Turn, tool


async def test_a_one_shot_completion_returns_what_the_model_says(serve: Serve) -> None:
    client = await serve(swarm(agent("a", lambda request: f"you said {request.last_user_message()}")))
    reply = await client.do("complete", message="hi")
    assert (reply["status"], reply["output"]) == ("completed", "you said hi")


async def test_each_message_is_answered_by_the_model_of_the_active_agent(serve: Serve) -> None:
    client = await serve(swarm(agent("a", "I am a"), agent("b", "I am b")))
    assert await client.answer("who?") == "I am a"
    await client.do("change-agent", agentName="b")
    assert await client.answer("who?") == "I am b"


async def test_prompt_function_and_static_and_dynamic_lines_are_system_lines_in_this_order(serve: Serve) -> None:
    async def dynamic(session: SessionInfo) -> list[str]:
        return [f"turn {session.turn}", f"agent {session.agent_name}"]

    model = Model(echo)
    one = agent(
        "a",
        completion=model,
        prompt=lambda session: f"Be nice to {session.client_id}.",
        system=["Be brief.", "No slang."],
        system_dynamic=dynamic,
    )
    client = await serve(swarm(one))
    await client.answer("hi")
    lines = ["Be nice to alice.", "Be brief.", "No slang.", "turn 1", "agent a"]
    assert model.shown == [[*(f"system: {line}" for line in lines), "user: hi"]]


async def test_a_transform_changes_what_the_client_reads_and_not_the_history(serve: Serve) -> None:
    client = await serve(swarm(agent("a", "Hello", recall, transform=lambda text, _session: text.upper())))
    assert await client.answer("hi") == "HELLO"
    assert await client.answer("again") == "USER: HI | ASSISTANT: HELLO | USER: AGAIN"
    plain = Model("Hello", recall)
    assert plain.shown == []


async def test_the_history_keeps_the_raw_answer(serve: Serve) -> None:
    model = Model("Hello <think>hm</think>", echo)
    client = await serve(swarm(agent("a", completion=model)))
    assert await client.answer("hi") == "Hello"
    await client.answer("again")
    assert model.shown[1] == ["user: hi", "assistant: Hello <think>hm</think>", "user: again"]


async def test_a_mapped_message_is_the_answer(serve: Serve) -> None:
    def mapped(message: CompletionMessage, _session: SessionInfo) -> CompletionMessage:
        return message._replace(content=f"mapped {message.content}")

    client = await serve(swarm(agent("a", "Hello", map=mapped)))
    assert await client.answer("hi") == "mapped Hello"


async def test_keep_messages_two_shows_the_previous_answer_and_the_message(serve: Serve) -> None:
    model = Model("one", "two", "three")
    client = await serve(swarm(agent("a", completion=model, keep_messages=2, prompt="Be brief.")))
    for text in ("first", "second", "third"):
        await client.answer(text)
    assert model.shown[2] == ["system: Be brief.", "assistant: two", "user: third"]


async def test_keep_messages_zero_shows_not_even_the_message(serve: Serve) -> None:
    model = Model("fine")
    client = await serve(swarm(agent("a", completion=model, keep_messages=0, prompt="Be brief.")))
    assert await client.answer("hi") == "fine"
    assert model.shown == [["system: Be brief."]]


async def test_a_stateless_run_is_answered_and_leaves_the_history_as_it_was(serve: Serve) -> None:
    model = Model(echo)
    client = await serve(swarm(agent("a", completion=model), bus="all"))
    await client.answer("hi")
    reply = await client.do("run", message="beside")
    assert (reply["status"], reply["output"]) == ("completed", "beside")
    assert await client.pushed_by(reply["requestId"]) == []
    await client.answer("again")
    assert model.shown[1:] == [
        ["user: hi", "assistant: hi", "user: beside"],
        ["user: hi", "assistant: hi", "user: again"],
    ]


async def test_a_stateless_run_whose_model_asks_for_tools_answers_nothing(serve: Serve) -> None:
    @tool
    async def look() -> str:
        return "found"

    model = Model(call("look"))
    client = await serve(swarm(agent("a", completion=model, tools=[look])))
    reply = await client.do("run", message="hi")
    assert (reply["status"], reply["output"]) == ("completed", "")
    assert [list(request.tools) for request in model.requests] == [[]]


async def test_callbacks_tell_init_execute_output_and_disposal_in_this_order(serve: Serve) -> None:
    told: list[str] = []

    def note(name: str) -> object:
        return lambda turn, *texts: told.append(" ".join([name, turn.agent_name, *map(str, texts)]))

    names = ("on_init", "on_execute", "on_output", "on_assistant_message", "on_dispose")
    callbacks = AgentCallbacks(**{name: note(name) for name in names})
    client = await serve(swarm(agent("a", "Hello", callbacks=callbacks)))
    await client.answer(" hi ")
    await client.do("dispose")
    assert told == [
        "on_init a",
        "on_execute a hi user",
        "on_output a Hello",
        "on_assistant_message a Hello",
        "on_dispose a",
    ]


async def test_payload_and_session_are_there_inside_a_tool(serve: Serve) -> None:
    seen: list[object] = []

    @tool
    async def look(turn: Turn) -> str:
        seen.append((turn.payload, turn.client_id, turn.swarm_name, turn.agent_name, turn.request_id, turn.attempt))
        return "found"

    client = await serve(swarm(agent("a", call("look"), "done", tools=[look])))
    reply = await client.ask("hi", payload={"order": 42})
    assert seen == [({"order": 42}, "alice", "support", "a", reply["requestId"], 1)]


async def test_a_payload_belongs_to_the_message_that_carried_it(serve: Serve) -> None:
    payloads: list[object] = []

    def look(request: object) -> str:
        payloads.append([message.payload for message in request.messages])
        return "ok"

    client = await serve(swarm(agent("a", look)))
    await client.ask("hi", payload={"order": 42})
    await client.ask("again")
    assert payloads == [[{"order": 42}], [{"order": 42}, None, None]]


async def test_the_getters_find_the_last_and_the_filtered_records_of_mixed_commits(serve: Serve) -> None:
    found: dict[str, object] = {}

    @tool
    async def look(turn: Turn) -> str:
        found["lasts"] = (
            turn.last_user_message(),
            turn.last_assistant_message(),
            turn.last_system_message(),
            turn.last_tool_message(),
        )
        found["user"] = [message.content for message in turn.user_history()]
        found["assistant"] = [message.content for message in turn.assistant_history() if message.content]
        found["agent"] = [message.content for message in turn.agent_history() if message.content]
        return "found"

    client = await serve(swarm(agent("a", call("look"), "done", tools=[look])))
    await client.do("commit-user-message", message="from the client")
    await client.do("commit-user-message", message="from a server", mode="tool")
    await client.do("commit-system-message", message="rule")
    await client.do("commit-assistant-message", message="said")
    await client.do("commit-tool-output", toolId="x", content="tool output")
    await client.ask("now")
    assert found == {
        "lasts": ("now", "", "rule", "tool output"),
        "user": ["from the client", "now"],
        "assistant": ["said"],
        "agent": ["rule", "from the client", "from a server", "said", "now"],
    }


async def test_a_committed_assistant_text_is_in_the_next_context_of_the_model(serve: Serve) -> None:
    client = await serve(swarm(agent("a", recall)))
    await client.do("commit-assistant-message", message="I called you")
    assert await client.answer("hi") == "assistant: I called you | user: hi"
