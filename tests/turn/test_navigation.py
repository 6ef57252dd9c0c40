"""Who answers, and how that changes (spec, section 6.8; decision D17)."""

from tests.turn.recording import Stage, agent, contents, events_of, records_of, reply_of, swarm_of
from worker import SwarmCallbacks, Texts, ToolCall, Turn, tool
from worker.completions import EchoCompletion, ScriptedCompletion


def three(**options: object) -> Stage:
    agents = [agent(name, EchoCompletion(prefix=f"{name}: ")) for name in ("triage", "sales", "refunds")]
    return Stage(swarm_of(*agents, **options))


async def test_the_next_message_is_answered_by_the_agent_that_was_changed_to() -> None:
    stage = three()
    changed = await stage.send("change-agent", agentName="sales")
    assert reply_of(changed).output == "true"
    assert changed.document == '{"activeAgent":"sales","stack":["sales"]}'
    reply = await stage.say("hi")
    assert (reply.output, reply.agent_name) == ("sales: hi", "sales")


async def test_an_agent_outside_the_swarm_changes_nothing() -> None:
    stage = three()
    finished = await stage.send("change-agent", agentName="nobody")
    assert (reply_of(finished).output, finished.document) == ("false", None)


async def test_back_to_the_agent_before_then_to_the_default() -> None:
    stage = three()
    await stage.send("change-agent", agentName="sales")
    await stage.send("change-agent", agentName="refunds")
    assert reply_of(await stage.send("change-to-prev-agent")).output == "true"
    assert stage.session.active_agent == "sales"
    assert reply_of(await stage.send("change-to-default-agent")).output == "true"
    assert stage.session.active_agent == "triage"


async def test_the_default_agent_has_nothing_to_go_back_to() -> None:
    stage = three()
    finished = await stage.send("change-to-prev-agent")
    assert (reply_of(finished).output, finished.document) == ("false", None)


async def test_the_stack_is_capped() -> None:
    stage = three(stack_max=2)
    for name in ("sales", "refunds", "sales", "refunds"):
        await stage.send("change-agent", agentName=name)
    assert stage.session.stack == ["sales", "refunds"]


async def test_a_swarm_is_told_of_the_change() -> None:
    told: list[str] = []
    stage = three(callbacks=SwarmCallbacks(on_agent_changed=lambda _turn, name: told.append(name)))
    await stage.send("change-agent", agentName="sales")
    assert told == ["sales"]


def handing(*lines: object, **options: object) -> Stage:
    return Stage(
        swarm_of(
            agent("triage", ScriptedCompletion(lines[:1]), handoffs=["sales"]),  # type: ignore[arg-type]
            agent("sales", ScriptedCompletion(lines[1:]), handoffs=["triage"]),  # type: ignore[arg-type]
            **options,
        )
    )


async def test_after_a_hand_off_the_target_answers_the_client_s_message() -> None:
    stage = handing(ToolCall("1", "transfer_to_sales"), "Sales here.")
    finished = await stage.send("execute", message="I want to buy.")
    reply = reply_of(finished)
    assert (reply.output, reply.agent_name) == ("Sales here.", "sales")
    assert records_of(finished)[2] == ("tool", "The conversation was handed over to sales.")
    script = stage.swarm.agents[1].completion
    assert isinstance(script, ScriptedCompletion)
    assert contents(script.requests[0].messages) == ["I want to buy."]


async def test_agents_that_hand_over_in_a_circle_end_with_a_polite_question() -> None:
    go, back = ToolCall("1", "transfer_to_sales"), ToolCall("2", "transfer_to_triage")
    stage = Stage(
        swarm_of(
            agent("triage", ScriptedCompletion([go, go]), handoffs=["sales"]),
            agent("sales", ScriptedCompletion([back]), handoffs=["triage"]),
            texts=Texts(circle="What do you need?"),
        )
    )
    reply = await stage.say("hm")
    assert (reply.status, reply.output, reply.agent_name) == ("completed", "What do you need?", "triage")


async def test_a_tool_that_navigates_and_says_nothing_lets_the_new_agent_answer() -> None:
    @tool
    async def go(turn: Turn) -> None:
        assert await turn.change_agent("sales")

    stage = Stage(
        swarm_of(agent("a", ScriptedCompletion([ToolCall("1", "go")]), tools=[go]), agent("sales", EchoCompletion()))
    )
    assert (await stage.say("hi")).output == "hi"


async def test_going_twice_to_one_agent_in_one_turn_raises_in_the_tool() -> None:
    caught: list[str] = []

    @tool
    async def twice(turn: Turn) -> str:
        await turn.change_agent("sales")
        try:
            await turn.change_agent("sales")
        except Exception as error:  # noqa: BLE001 - it is looked at
            caught.append(type(error).__name__)
        return "x"

    stage = Stage(
        swarm_of(
            agent("a", ScriptedCompletion([ToolCall("1", "twice")]), tools=[twice]), agent("sales", EchoCompletion())
        )
    )
    assert (await stage.say("hi")).agent_name == "sales"
    assert caught == ["NavigationLoopError"]


async def test_a_swarm_may_have_it_answer_false_instead() -> None:
    answers: list[bool] = []

    @tool
    async def twice(turn: Turn) -> str:
        answers.extend([await turn.change_agent("sales"), await turn.change_agent("sales")])
        assert turn.navigation_route() == {"sales"}
        return "x"

    stage = Stage(
        swarm_of(
            agent("a", ScriptedCompletion([ToolCall("1", "twice")]), tools=[twice]),
            agent("sales", EchoCompletion()),
            navigation_loop_raises=False,
        )
    )
    await stage.say("hi")
    assert answers == [True, False]


async def test_each_turn_starts_a_route_of_its_own() -> None:
    stage = three()
    for _ in range(2):
        assert reply_of(await stage.send("change-agent", agentName="sales")).output == "true"
    assert not events_of(await stage.send("change-agent", agentName="sales"), "set-agent-name")
