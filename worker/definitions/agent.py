"""Agents: a prompt, a completion, and what they may call and hand over to."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial

from worker.core.history import HistoryFilter, view
from worker.core.messages import Message, ToolCall
from worker.definitions.callbacks import AgentCallbacks
from worker.definitions.completion import Completion, CompletionFunction, CompletionMessage
from worker.definitions.handoffs import handoff_tool
from worker.definitions.operator import Operator
from worker.definitions.session_info import SessionInfo
from worker.definitions.shapes import frozen
from worker.definitions.tools import Offer, Tool, offer_of

Lines = str | Sequence[str]
Prompt = str | Callable[[SessionInfo], str | Awaitable[str]]
SystemLines = Callable[[SessionInfo], Lines | Awaitable[Lines]]
#: returns what is wrong with an answer, None when it is fine
OutputCheck = Callable[[str], str | Awaitable[str | None] | None]
Transform = Callable[[str, SessionInfo], str | Awaitable[str]]
MapMessage = Callable[[CompletionMessage, SessionInfo], CompletionMessage | Awaitable[CompletionMessage]]
MapToolCalls = Callable[[Sequence[ToolCall], SessionInfo], Sequence[ToolCall] | Awaitable[Sequence[ToolCall]]]

NO_CALLBACKS = AgentCallbacks()
DEFAULT_KEEP_MESSAGES = 15
DEFAULT_MAX_TOOL_CALLS = 1


@dataclass(frozen=True, eq=False)
class Agent:
    """One who answers.

    `prompt` and `system` are fixed lines, `system_dynamic` computes more for each question. `keep_messages` bounds
    what the model sees of the history, `history_filter` chooses (default: all but the tool calls of other agents). Of
    one answer's tool calls the last `max_tool_calls` run. `handoffs` names agents of the same swarm: each gives the
    model a tool `transfer_to_<name>`. `validate` returns what is wrong with an answer (default: empty, or a tool call
    written as text), `transform` changes what the client reads, `map` and `map_tool_calls` change what the model gave.
    `states` restricts which states its tools may use (None = all).
    """

    name: str
    _: KW_ONLY
    prompt: Prompt = ""
    completion: Completion | CompletionFunction | None = None
    operator: Operator | None = None
    tools: Sequence[Tool] = ()
    handoffs: Sequence[str] = ()
    system: Lines = ()
    system_dynamic: SystemLines | None = None
    keep_messages: int = DEFAULT_KEEP_MESSAGES
    history_filter: HistoryFilter | None = None
    max_tool_calls: int = DEFAULT_MAX_TOOL_CALLS
    validate: OutputCheck | None = None
    transform: Transform | None = None
    map: MapMessage | None = None
    map_tool_calls: MapToolCalls | None = None
    callbacks: AgentCallbacks = NO_CALLBACKS
    completion_timeout_s: float = 60
    tool_timeout_s: float = 60
    states: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Keep what was given as lists from changing afterwards."""
        object.__setattr__(self, "tools", frozen(self.tools))
        object.__setattr__(self, "handoffs", frozen(self.handoffs))

    @cached_property
    def complete(self) -> CompletionFunction:
        """Return the function that asks the model, whichever form `completion` was given in."""
        method = getattr(self.completion, "complete", None)
        return method if method is not None else self.completion  # pyright: ignore[reportReturnType] - checked by App

    @cached_property
    def model(self) -> str:
        """Return what metrics call the model: the `model` of its adapter, else the kind of adapter."""
        model: object = getattr(self.completion, "model", None)
        name = model if isinstance(model, str) else getattr(model, "model_name", None)
        return name if isinstance(name, str) else type(self.completion).__name__

    @cached_property
    def all_tools(self) -> tuple[Tool, ...]:
        """Return the agent's own tools and those that its hand-offs give it."""
        return (*self.tools, *(handoff_tool(target) for target in self.handoffs))

    @cached_property
    def fixed_lines(self) -> tuple[Message, ...] | None:
        """Return the lines that open every question to the model, None when they have to be computed each time."""
        if callable(self.prompt) or self.system_dynamic is not None:
            return None
        return system_lines(self.prompt, self.system)

    @cached_property
    def view_of(self) -> Callable[[Iterable[Message]], list[Message]]:
        """Return what chooses from the records of a history those that the model of this agent is shown."""
        return partial(view, agent_name=self.name, keep_messages=self.keep_messages, wanted=self.history_filter)

    @cached_property
    def sees_question(self) -> bool:
        """Tell whether the model of this agent is sure to be shown a user message that is the newest record."""
        return self.keep_messages > 0 and self.history_filter is None

    @cached_property
    def fixed_offer(self) -> Offer | None:
        """Return the tools that are offered with every question, None when that has to be found out each time."""
        if any(tool.is_available is not None or tool.describe is not None for tool in self.all_tools):
            return None
        return offer_of([(tool.spec, tool) for tool in self.all_tools])


def system_lines(*given: Lines) -> tuple[Message, ...]:
    """Return system messages of the lines that are not empty."""
    lines = (line for part in given for line in ((part,) if isinstance(part, str) else part))
    return tuple(Message("system", line) for line in lines if line)
