"""Which agent a session goes to, and how it finds back."""

from typing import NamedTuple


class WayBack(NamedTuple):
    """Where going back leads, and the stack once it has been taken."""

    target: str
    stack: list[str]


def gone_to(stack: list[str], agent_name: str, stack_max: int) -> list[str]:
    """Return the stack after going to an agent; the oldest entries fall off."""
    return [*stack, agent_name][-stack_max:]


def way_back(stack: list[str], active_agent: str, default_agent: str) -> WayBack | None:
    """Return where going back leads, None when it leads nowhere; the stack given is left alone.

    The stack holds every agent that was gone to; the one on top is normally the active one.
    """
    rest = stack[:-1] if stack and stack[-1] == active_agent else stack
    target = rest[-1] if rest else default_agent
    return None if target == active_agent else WayBack(target, rest[:-1])
