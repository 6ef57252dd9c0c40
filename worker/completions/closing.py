"""The end of a worker: what completions keep open is closed."""

import structlog

from worker.definitions.app import App

log = structlog.get_logger(__name__)


async def close_completions(app: App) -> None:
    """Await `aclose` of every completion that has it, each once; what it raises is logged."""
    agents = [agent for swarm in app.swarms.values() for agent in swarm.agents]
    for completion in {id(agent.completion): agent.completion for agent in agents}.values():
        close = getattr(completion, "aclose", None)
        if close is None:
            continue
        try:
            await close()
        except Exception:  # the worker ends anyway, and the others want to be closed too
            log.exception("completion_not_closed", completion=type(completion).__name__)
