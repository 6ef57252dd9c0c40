"""An application that asks a model, for workers that tests start."""

from worker import Agent, App, Swarm, tool
from worker.completions import OpenAICompletion, PydanticAICompletion

WHOLE = OpenAICompletion("tiny-1", retries=0)
STREAMED = OpenAICompletion("tiny-1", stream=True, retries=0)
LOOKED_UP = PydanticAICompletion("openai-chat:tiny-1")


@tool
async def order_status(order_id: int) -> str:
    """Look up where an order is."""
    return f"Order {order_id} is packed."


def swarm(name: str, completion: OpenAICompletion | PydanticAICompletion) -> Swarm:
    sales = Agent("sales", prompt="Be brief.", completion=completion, tools=[order_status], max_tool_calls=3)
    return Swarm(name, agents=[sales], default_agent="sales")


app = App(swarms=[swarm("whole", WHOLE), swarm("streamed", STREAMED), swarm("looked-up", LOOKED_UP)])
