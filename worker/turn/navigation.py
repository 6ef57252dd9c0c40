"""Which agent is active in a turn, and how a turn makes another one active (spec, section 6.8)."""

from worker.core.navigation import gone_to, way_back
from worker.definitions.agent import Agent
from worker.definitions.errors import NavigationLoopError
from worker.definitions.session_info import SessionInfo
from worker.turn import events
from worker.turn.guard import tell
from worker.turn.port import OpenTurn


def active_agent(turn: OpenTurn) -> Agent:
    """Return who answers; a stored agent that the swarm no longer has is stood in for by the default agent."""
    agents = turn.swarm.agents_by_name
    return agents.get(turn.session.active_agent) or agents[turn.swarm.default_agent]


def session_info(turn: OpenTurn) -> SessionInfo:
    """Return what validators and prompts are told."""
    session, info = turn.session, turn.info
    if info is None or info.agent_name != session.active_agent or info.payload is not turn.payload:
        agent_name, request_id = active_agent(turn).name, turn.request.request_id
        turn.info = info = SessionInfo(
            session.client_id, session.swarm_name, agent_name, request_id, turn.number, turn.payload
        )
    return info


async def change_agent(turn: OpenTurn, target: str) -> bool:
    """Make `target` the active agent; False when it is not of this swarm or, by the swarm's choice, was gone to.

    Raises `NavigationLoopError` when this turn already went there and the swarm has not chosen otherwise.
    """
    if target not in turn.swarm.agents_by_name or not _may_go(turn, target):
        return False
    session = turn.session
    await _go(turn, target, gone_to(session.stack, target, turn.swarm.stack_max))
    return True


async def change_to_default_agent(turn: OpenTurn) -> bool:
    """Make the default agent the active one; raises as `change_agent`."""
    return await change_agent(turn, turn.swarm.default_agent)


async def change_to_prev_agent(turn: OpenTurn) -> bool:
    """Go back to the agent before; False when that is the active one; raises as `change_agent`."""
    session, swarm = turn.session, turn.swarm
    way = way_back(session.stack, session.active_agent, swarm.default_agent)
    if way is None or way.target not in swarm.agents_by_name or not _may_go(turn, way.target):
        return False
    await _go(turn, way.target, gone_to(way.stack, way.target, swarm.stack_max))
    return True


def _may_go(turn: OpenTurn, target: str) -> bool:
    if target in turn.progress.route:
        if turn.swarm.navigation_loop_raises:
            raise NavigationLoopError(f"this turn already went to agent {target!r}")
        return False
    turn.progress.route |= {target}
    return True


async def _go(turn: OpenTurn, target: str, stack: list[str]) -> None:
    """Change over, with the events in the order that observers of the origin know."""
    left = active_agent(turn).name
    batch = turn.progress.batch
    if batch is not None:
        batch.stopped = batch.touched = True
    events.agent_named(turn)
    for agent in turn.swarm.agents:
        events.agent_event(turn, agent.name, "commit-agent-change")
    events.agent_named(turn)
    events.swarm_event(turn, "set-agent-ref", {"agentName": left})
    turn.port.metrics.handed_off(left, target)
    turn.session.active_agent = target
    if turn.swarm.callbacks.on_agent_changed is not None:
        await tell(turn, target, turn.swarm.callbacks.on_agent_changed, target)
    turn.session.stack = stack
    events.swarm_event(turn, "set-agent-name", {"agentName": target})
