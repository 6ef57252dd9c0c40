"""Swarms: agents that share sessions, and the rules of those sessions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Literal

from pydantic import JsonValue

from schemas.names import MAILBOX_MAX, OUTPUT_MAX_BYTES
from worker.definitions.agent import Agent
from worker.definitions.callbacks import SwarmCallbacks
from worker.definitions.policy import INPUT, OUTPUT, Check, Policy
from worker.definitions.session_info import SessionInfo
from worker.definitions.shapes import frozen
from worker.definitions.states import State

WhenBusy = Literal["enqueue", "reject", "interrupt", "rollback", "coalesce", "throttle"]
ResqueStrategy = Literal["flush", "recomplete", "custom"]
Bus = Literal["session", "all"]
#: fields of a swarm with a fixed set of values
CHOICES = {"when_busy": WhenBusy, "resque_strategy": ResqueStrategy, "bus": Bus}
#: answers in the place of a model whose answer was no use
Resque = Callable[[SessionInfo], str | Awaitable[str]]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The words that a swarm says by itself."""

    #: one of these is the answer when the agent has none
    placeholders: Sequence[str] = ("Sorry, I missed that. Could you say it again?", "Sorry, could you repeat that?")
    #: user line that starts the history afresh after a failure
    flush: str = "Start the conversation afresh."
    #: user line that asks the model again under `resque_strategy="recomplete"`
    recomplete: str = "Your last answer was empty or malformed. Answer again, in plain words."
    #: output of a tool that returned nothing and did nothing to the conversation
    tool_done: str = "Done."
    #: output of a hand-off; `{agent}` is who takes over
    handed_over: str = "The conversation was handed over to {agent}."
    #: the answer when agents hand a conversation round in a circle
    circle: str = "I could not find the right colleague. What do you need?"


@dataclass(frozen=True, eq=False)
class Swarm:
    """A set of agents, one of them default, with policies and the life of their sessions.

    `when_busy` is what an execute request meets when its session is busy and it does not say itself; `throttle_s` is
    the window of `throttle`. `bus="session"` publishes the bus events of sessions, `"all"` every event there is.
    `history_max` caps the records kept in Redis, `stack_max` the agents remembered for going back. Going twice to the
    same agent in one turn raises `NavigationLoopError` in the tool that asks for it, or just answers False without
    `navigation_loop_raises`.
    """

    name: str
    _: KW_ONLY
    agents: Sequence[Agent]
    default_agent: str
    policies: Sequence[Policy] = ()
    states: Sequence[State] = ()
    callbacks: SwarmCallbacks = field(default_factory=SwarmCallbacks)
    session_ttl: timedelta = timedelta(minutes=15)
    turn_timeout_s: float = 300
    when_busy: WhenBusy = "enqueue"
    throttle_s: float = 1
    max_mailbox: int = MAILBOX_MAX
    resque_strategy: ResqueStrategy = "flush"
    resque: Resque | None = None
    texts: Texts = field(default_factory=Texts)
    bus: Bus = "session"
    max_nested_executions: int = 20
    history_max: int = 1000
    stack_max: int = 100
    output_max_bytes: int = OUTPUT_MAX_BYTES
    bury_agent_errors: bool = False
    navigation_loop_raises: bool = True

    def __post_init__(self) -> None:
        """Keep what was given as lists from changing afterwards."""
        for name in ("agents", "policies", "states"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @cached_property
    def history_window(self) -> int:
        """Return how many of the newest history records a claim must read.

        What is hidden from a model, such as tool calls of another agent, takes its place among the newest records.
        """
        keep = max((agent.keep_messages for agent in self.agents), default=0)
        hidden = self.is_mixed or any(agent.history_filter is not None for agent in self.agents)
        return (3 * keep if hidden else keep) + 1

    @cached_property
    def is_mixed(self) -> bool:
        """Tell whether a history may hold tool calls that some agent is not shown."""
        return len(self.agents) > 1 and any(agent.all_tools for agent in self.agents)

    @cached_property
    def keeps(self) -> dict[str, int]:
        """Return how many messages the model of each agent is shown."""
        return {agent.name: agent.keep_messages for agent in self.agents if agent.operator is None}

    @cached_property
    def session_ttl_ms(self) -> int:
        """Return the life of an idle session in ms."""
        return int(self.session_ttl.total_seconds() * 1000)

    @cached_property
    def states_by_name(self) -> dict[str, State]:
        """Return declared states by name."""
        return {state.name: state for state in self.states}

    @cached_property
    def own_states(self) -> tuple[State, ...]:
        """Return declared states that each session has for itself."""
        return tuple(state for state in self.states if not state.shared)

    @cached_property
    def tells_init(self) -> bool:
        """Tell whether anybody wants to know of a new session."""
        return any(who.callbacks.on_init is not None for who in (self, *self.agents, *self.own_states))

    @cached_property
    def tells_execute(self) -> bool:
        """Tell whether anybody wants to know of a message that an agent is to answer."""
        return self.bus == "all" or any(who.callbacks.on_execute is not None for who in (self, *self.agents))

    @cached_property
    def context(self) -> str:
        """Return the context of bus events about a session, JSON."""
        return f'{{"swarmName":"{self.name}"}}'

    @cached_property
    def input_checks(self) -> tuple[Check, ...]:
        """Return what the policies do with a message that comes in, in their order."""
        return tuple(Check(one, INPUT, one.validate_input, one.callbacks.on_validate_input) for one in self.policies)

    @cached_property
    def output_checks(self) -> tuple[Check, ...]:
        """Return what the policies do with a text that goes out, in their order."""
        return tuple(Check(one, OUTPUT, one.validate_output, one.callbacks.on_validate_output) for one in self.policies)

    @cached_property
    def agents_by_name(self) -> dict[str, Agent]:
        """Return agents by name."""
        return {agent.name: agent for agent in self.agents}

    def admission_settings(self) -> dict[str, JsonValue]:
        """Return what the admission script must know of this swarm."""
        return {
            "when_busy": self.when_busy,
            "throttle_ms": int(self.throttle_s * 1000),
            "max_mailbox": self.max_mailbox,
            "ttl_ms": self.session_ttl_ms,
            "has_policies": bool(self.policies),
            "history_window": self.history_window,
            "history_max": self.history_max,
        }
