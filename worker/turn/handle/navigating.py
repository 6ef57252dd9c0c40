"""How a handle changes the active agent."""

from worker.definitions.errors import UnknownAgentError
from worker.turn import commits, navigation
from worker.turn.control import say_to_client
from worker.turn.handle.identity import Identity


class Navigating(Identity):
    """Goes from agent to agent."""

    __slots__ = ()

    async def hand_over(self, agent_name: str) -> None:
        """Let another agent take over: it answers the client's last message when the tool ends.

        Agents that hand over in a circle would never answer: on the second visit of one turn the history is flushed
        and the client is asked what it needs. Raises `UnknownAgentError` for one that is not of this swarm.
        """
        turn, texts = self._turn, self._turn.swarm.texts
        if agent_name not in turn.swarm.agents_by_name:
            known = ", ".join(turn.swarm.agents_by_name)
            raise UnknownAgentError(f"swarm {turn.swarm.name!r} has no agent {agent_name!r}: use one of {known}")
        await commits.commit_stop_tools(turn)
        if agent_name in turn.progress.route:
            self._touch()
            await commits.commit_flush(turn)
            await say_to_client(turn, "emit", texts.circle)
            return
        if self._call_id:
            text = texts.handed_over.format(agent=agent_name)
            await commits.commit_tool_output(turn, self._call_id, text, self._agent_name)
        await navigation.change_agent(turn, agent_name)
        if self._batch is not None:
            # What was said so far, such as "one moment", is not the answer: that is up to the other one.
            self._batch.emitted = None

    async def change_agent(self, agent_name: str) -> bool:
        """Make another agent the active one; False when it is not of this swarm."""
        return await navigation.change_agent(self._turn, agent_name)

    async def change_to_default_agent(self) -> bool:
        """Make the default agent the active one."""
        return await navigation.change_to_default_agent(self._turn)

    async def change_to_prev_agent(self) -> bool:
        """Go back to the agent that was active before; False when that is the active one."""
        return await navigation.change_to_prev_agent(self._turn)

    def navigation_route(self) -> frozenset[str]:
        """Return the agents that this turn went to."""
        return self._turn.progress.route
