"""What outlives a worker, and what belongs to one session alone."""

from redis.asyncio import Redis

from tests.acceptance.wire import Wire
from tests.conformance.conftest import Serve
from tests.conformance.house import Client, agent, swarm, working
from tests.conformance.model import call, recall
from worker import App, Policy, Turn, tool


@tool
async def count(turn: Turn) -> str:
    """Count the calls of this session, and remember who called."""
    turn.remember({"agent": turn.agent_name})
    return str(await turn.state("counter").set(lambda old: (old if isinstance(old, int) else 0) + 1))


def _counting(request: object) -> object:
    newest = request.messages[-1]
    return newest.content if newest.role == "tool" else call("count")


def application() -> App:
    agents = (agent("a", recall), agent("b", recall), agent("counter", _counting, tools=[count]))
    policy = Policy("polite", ban_message="Stay polite.")
    return App([swarm(*agents, policies=[policy]), swarm(*agents, policies=[policy], name="other")])


async def test_active_agent_and_stack_are_there_for_the_next_worker(redis: Redis, redis_url: str) -> None:
    client = Client(Wire(redis), "support")
    async with working(application(), redis_url):
        for name in ("b", "counter"):
            await client.do("change-agent", agentName=name)
    async with working(application(), redis_url):
        assert (await client.ask("hi"))["agentName"] == "counter"
        assert (await client.do("change-to-prev-agent"))["output"] == "true"
        assert (await client.ask("hi"))["agentName"] == "b"


async def test_history_states_and_bans_are_there_for_the_next_worker(redis: Redis, redis_url: str) -> None:
    client = Client(Wire(redis), "support")
    async with working(application(), redis_url):
        await client.ask("hi")
        await client.do("change-agent", agentName="counter")
        assert await client.answer("count") == "1"
        await client.named("bob").do("ban", policyName="polite")
    async with working(application(), redis_url):
        assert await client.answer("count") == "2"
        await client.do("change-agent", agentName="a")
        assert (await client.answer("and?")).startswith("user: hi | assistant: user: hi")
        assert (await client.named("bob").ask("hi"))["output"] == "Stay polite."


async def test_the_active_agent_belongs_to_client_and_swarm(serve: Serve) -> None:
    client = await serve(*application().swarms.values())
    await client.do("change-agent", agentName="b")
    assert (await client.ask("hi"))["agentName"] == "b"
    assert (await client.in_swarm("other").ask("hi"))["agentName"] == "a"
    assert (await client.named("bob").ask("hi"))["agentName"] == "a"


async def test_history_and_states_belong_to_one_session_and_not_to_all_swarms_of_a_client(serve: Serve) -> None:
    client = await serve(*application().swarms.values())
    await client.ask("in support")
    assert await client.in_swarm("other").answer("in other") == "user: in other"
    for one in (client, client.in_swarm("other")):
        await one.do("change-agent", agentName="counter")
        assert await one.answer("count") == "1"


async def test_bans_outlive_the_session(serve: Serve) -> None:
    client = await serve(*application().swarms.values())
    await client.ask("hi")
    await client.do("ban", policyName="polite")
    await client.do("dispose")
    assert (await client.ask("hi"))["status"] == "refused"
