"""Hand-offs: the tool by which an agent passes the conversation to another one."""

from worker.definitions.tools import Tool
from worker.definitions.turn import Turn

HANDOFF_PREFIX = "transfer_to_"


def handoff_tool(target: str) -> Tool:
    """Return the navigation tool that makes `target` the active agent and lets it answer the client's last message."""

    async def transfer(turn: Turn) -> None:
        await turn.hand_over(target)

    return Tool(
        name=f"{HANDOFF_PREFIX}{target}",
        function=transfer,
        description=f"Hand the conversation over to {target}.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
        navigates_to=target,
    )
