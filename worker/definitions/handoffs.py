"""Hand-offs: the tool by which an agent passes the conversation to another one."""

from worker.definitions.tools import Tool
from worker.definitions.turn import Turn

HANDOFF_PREFIX = "transfer_to_"


def handoff_tool(target: str) -> Tool:
    """Return the navigation tool that makes `target` the active agent and lets it answer the client's last message.

    A hand-off to an agent that was already visited in this turn would go round in circles: then the history is
    flushed and the client is asked to say what it needs.
    """

    async def transfer(turn: Turn) -> str:
        await turn.commit_stop_tools()
        if target in turn.navigation_route():
            await turn.commit_flush()
            return ""
        if await turn.change_agent(target):
            await turn.execute("")
        return ""

    return Tool(
        name=f"{HANDOFF_PREFIX}{target}",
        function=transfer,
        description=f"Hand the conversation over to {target}.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
        navigates_to=target,
    )
