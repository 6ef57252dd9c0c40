"""States: named values of a session or of all sessions, changed in order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass

from pydantic import JsonValue

from worker.definitions.callbacks import StateCallbacks

NO_CALLBACKS = StateCallbacks()
#: runs on each new value before it is kept; sync or async
Middleware = Callable[[JsonValue], JsonValue | Awaitable[JsonValue]]


@dataclass(frozen=True, eq=False)
class State:
    """A declared state; one that is not declared starts as None.

    A value of a session is committed with its turn and ends with the session. With `shared` there is one value for all
    sessions of all swarms that declare the name so: it is changed at once, and stays.
    """

    name: str
    _: KW_ONLY
    default: JsonValue = None
    middlewares: Sequence[Middleware] = ()
    shared: bool = False
    callbacks: StateCallbacks = NO_CALLBACKS
