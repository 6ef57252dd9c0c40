"""States: named values of a session, changed in order and committed with the turn."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass

from pydantic import JsonValue

#: runs on each new value before it is kept; sync or async
Middleware = Callable[[JsonValue], JsonValue | Awaitable[JsonValue]]


@dataclass(frozen=True, eq=False)
class State:
    """A declared state; one that is not declared starts as None."""

    name: str
    _: KW_ONLY
    default: JsonValue = None
    middlewares: Sequence[Middleware] = ()
