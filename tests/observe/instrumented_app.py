"""An application that has Redis instrumented, and a tool that reads a key of its own."""

import redis.asyncio as redis
from opentelemetry.instrumentation.redis import RedisInstrumentor

from worker import Agent, App, Swarm, ToolCall, Turn, tool
from worker.completions import RuleCompletion

RedisInstrumentor().instrument()


@tool
async def read(turn: Turn, url: str) -> str:
    """Read a key."""
    client = redis.Redis.from_url(url)
    value = await client.get(f"swarmline:{turn.client_id}")
    await client.aclose()
    return str(value)


reader = Agent(
    "reader", completion=RuleCompletion([(r"read (\S+)", ToolCall("", "read", {"url": r"\1"}))]), tools=[read]
)
app = App(swarms=[Swarm("support", agents=[reader], default_agent="reader")])
