"""A graph that can't work is refused before anything is opened, with every fault named."""

from typing import Any

import pytest
from redis.asyncio import Redis

from tests.acceptance.wire import Wire
from tests.conformance.conftest import Serve
from tests.conformance.house import Client, agent, swarm, working
from tests.conformance.model import call
from worker import Agent, App, DefinitionError, Policy, State, Swarm, Texts, tool


async def nobody_looks() -> str:
    """Is no tool: nobody decorated it."""
    return "found"


async def test_a_complete_graph_opens(serve: Serve) -> None:
    client = await serve(swarm(agent("a", handoffs=["b"], tools=[tool(nobody_looks)]), agent("b")))
    assert (await client.do("connect"))["status"] == "completed"


async def test_a_swarm_that_nobody_defined_can_not_be_opened(serve: Serve) -> None:
    client = await serve(swarm(agent("a")))
    reply = await client.in_swarm("nowhere").ask("hi")
    assert (reply["status"], reply["error"]["code"]) == ("failed", "unknown_swarm")


def faults_of(*swarms: Any) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as raised:
        App(swarms)
    return raised.value.faults


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (swarm(Agent("a", completion="gpt")), "completion 'gpt'"),
        (Swarm("support", agents=[], default_agent="a"), "default_agent 'a'"),
        (swarm(agent("a", handoffs=["b"])), "hand-off to 'b'"),
        (swarm(agent("a", tools=[nobody_looks])), "not a Tool"),
        (Swarm("support", agents=[agent("a")], default_agent="b"), "default_agent 'b'"),
        (swarm(agent("a"), policies=["polite"]), "not a Policy"),
        (swarm(agent("a"), agent("a")), "agent 'a' is defined 2 times"),
        (swarm(agent("a", states=["x"]), states=[State("y")]), "state 'x'"),
    ],
    ids=["no completion", "no agent", "no hand-off", "no tool", "default agent outside", "no policy", "twice", "state"],
)
def test_a_dangling_reference_is_refused_at_construction(wrong: Swarm, fault: str) -> None:
    assert any(fault in named for named in faults_of(wrong))


def test_every_fault_of_a_definition_is_named_at_once() -> None:
    one = Swarm(
        "no name",
        agents=[agent("a b", handoffs=["nobody"], keep_messages=-1, tool_timeout_s=0), agent("c", "x")],
        default_agent="d",
        policies=[Policy("p"), Policy("p")],
        turn_timeout_s=-1,
        when_busy="panic",
        resque_strategy="custom",
        texts=Texts(placeholders=[]),
    )
    text = "\n".join(faults_of(one, one))
    for part in (
        "swarm 'no name' is defined 2 times",
        "a name has 1 to 64 characters",
        "default_agent 'd'",
        "policy 'p' is defined 2 times",
        "turn_timeout_s must be positive",
        "when_busy 'panic'",
        "needs the function resque",
        "placeholders is empty",
        "hand-off to 'nobody'",
        "keep_messages must not be negative",
        "tool_timeout_s must be positive",
    ):
        assert part in text


def test_a_swarm_defined_twice_is_refused() -> None:
    assert faults_of(swarm(agent("a")), swarm(agent("a"))) == ("the app: swarm 'support' is defined 2 times",)


async def test_a_worker_with_other_definitions_serves_them_to_sessions_that_exist(redis: Redis, redis_url: str) -> None:
    @tool(name="look")
    async def old() -> str:
        return "old tool"

    @tool(name="look")
    async def new() -> str:
        return "new tool"

    def use(request: Any) -> Any:
        newest = request.messages[-1]
        return f"{request.messages[0].content} {newest.content}" if newest.role == "tool" else call("look")

    def version(look: Any, **options: Any) -> App:
        return App([swarm(agent("a", use, tools=[look], prompt=options.pop("prompt")), **options)])

    client = Client(Wire(redis), "support")
    async with working(version(old, prompt="old prompt"), redis_url):
        assert await client.answer("hi") == "old prompt old tool"
    polite = Policy("polite", validate_input=lambda text, _session: text != "bad")
    async with working(version(new, prompt="new prompt", policies=[polite]), redis_url):
        reply = await client.ask("hi")
        assert (reply["output"], reply["turn"]) == ("new prompt new tool", 2)
        assert (await client.ask("bad"))["status"] == "refused"


async def test_a_stored_agent_that_is_gone_is_stood_in_for_by_the_default_agent(redis: Redis, redis_url: str) -> None:
    client = Client(Wire(redis), "support")
    async with working(App([swarm(agent("a", "a here"), agent("b", "b here"))]), redis_url):
        await client.do("change-agent", agentName="b")
        assert await client.answer("who?") == "b here"
    async with working(App([swarm(agent("a", "a here"))]), redis_url):
        reply = await client.ask("who?")
        assert (reply["output"], reply["agentName"]) == ("a here", "a")
