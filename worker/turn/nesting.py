"""Executions and runs inside a turn: their number and depth is limited, or a callback could call itself for ever."""

from collections.abc import Generator
from contextlib import contextmanager

from worker.definitions.errors import NestingLimitError
from worker.turn.navigation import active_agent
from worker.turn.port import OpenTurn


@contextmanager
def nested(turn: OpenTurn) -> Generator[str]:
    """Give the name of the agent that is asked inside; raises `NestingLimitError` when too much is under way."""
    progress = turn.progress
    if progress.nested >= turn.swarm.max_nested_executions:
        raise NestingLimitError(f"this turn is {progress.nested} executions deep")
    progress.nested += 1
    try:
        yield active_agent(turn).name
    finally:
        progress.nested -= 1
