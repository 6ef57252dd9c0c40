"""An application that asks a model, for workers that tests start."""

from worker import Agent, App, Completion, Swarm, tool
from worker.completions import OpenAICompletion


@tool
async def order_status(order_id: int) -> str:
    """Look up where an order is."""
    return f"Order {order_id} is packed."


def swarm(name: str, completion: Completion) -> Swarm:
    sales = Agent("sales", prompt="Be brief.", completion=completion, tools=[order_status], max_tool_calls=3)
    return Swarm(name, agents=[sales], default_agent="sales")


WHOLE = OpenAICompletion("tiny-1", retries=0)
STREAMED = OpenAICompletion("tiny-1", stream=True, retries=0)

app = App(swarms=[swarm("whole", WHOLE), swarm("streamed", STREAMED)])
