"""Policies: a yes or no with a reason, on what comes in and what goes out."""

from collections.abc import Awaitable, Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import NamedTuple

from worker.definitions.callbacks import OnTwoTexts, PolicyCallbacks
from worker.definitions.session_info import SessionInfo

#: says whether a text may pass; one that raises refuses
Validator = Callable[[str, SessionInfo], bool | Awaitable[bool]]
BanMessage = Callable[[SessionInfo], str | Awaitable[str | None] | None]


@dataclass(frozen=True, eq=False)
class Policy:
    """One rule; `ban_message` is what the client reads instead of an answer when the rule refuses.

    `get_ban_message` may compute another text (None = `ban_message`). With `auto_ban` a refused input or output bans
    the client in this swarm until it is unbanned.
    """

    name: str
    _: KW_ONLY
    validate_input: Validator | None = None
    validate_output: Validator | None = None
    ban_message: str = "I can't talk about that."
    get_ban_message: BanMessage | None = None
    auto_ban: bool = False
    callbacks: PolicyCallbacks = field(default_factory=PolicyCallbacks)


class Side(NamedTuple):
    """What tells checks of what comes in from those of what goes out: the type of their bus event, and its key."""

    event: str
    key: str


INPUT = Side("validate-input", "incoming")
OUTPUT = Side("validate-output", "outgoing")


class Check(NamedTuple):
    """What one policy does with a text on one side: `callback` is told, `validator` says whether it may pass."""

    policy: Policy
    side: Side
    validator: Validator | None
    callback: OnTwoTexts | None
