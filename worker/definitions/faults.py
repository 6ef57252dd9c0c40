"""What can be wrong with an application before it runs: every fault is found, not only the first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import cast, get_args

from schemas.names import is_name
from worker.core.json_text import dumps
from worker.definitions.agent import Agent
from worker.definitions.policy import Policy
from worker.definitions.shapes import shape_faults
from worker.definitions.states import State
from worker.definitions.swarm import CHOICES, Swarm
from worker.definitions.tools import Tool

#: fields of a swarm with a fixed set of values
_CHOICES = {name: get_args(choice) for name, choice in CHOICES.items()}


def faults_of(swarms: Sequence[Swarm]) -> list[str]:
    """Return one sentence for each fault of these swarms, in order of definition."""
    if not isinstance(swarms, list | tuple):
        return [f"swarms must be a list, not {swarms!r}"]
    if not swarms:
        return ["an App needs at least one swarm"]
    wrong = [f"swarms holds {item!r}, which is not a Swarm" for item in swarms if not isinstance(item, Swarm)]  # pyright: ignore[reportUnnecessaryIsInstance] - users may not run a type checker
    if wrong:
        return wrong
    faults = _doubles("the app", "swarm", [swarm.name for swarm in swarms])
    for swarm in swarms:
        faults.extend(_swarm_faults(swarm))
    return faults or list(_shared_faults(swarms))


def _shared_faults(swarms: Sequence[Swarm]) -> Iterator[str]:
    known: dict[str, tuple[Swarm, State]] = {}
    for swarm in swarms:
        for state in swarm.states:
            first, same = known.setdefault(state.name, (swarm, state)) if state.shared else (swarm, state)
            if same.default != state.default:
                yield f"shared state {state.name!r} has different defaults in swarms {first.name!r} and {swarm.name!r}"


def _swarm_faults(swarm: Swarm) -> Iterator[str]:
    where = f"swarm {swarm.name!r}"
    wrong = [*shape_faults(where, swarm), *_faults_inside(where, swarm)]
    if wrong:
        yield from wrong
        return
    yield from _name_faults(where, swarm.name)
    yield from _doubles(where, "agent", [agent.name for agent in swarm.agents])
    yield from _doubles(where, "policy", [policy.name for policy in swarm.policies])
    yield from _doubles(where, "state", [state.name for state in swarm.states])
    for state in swarm.states:
        yield from _state_faults(f"{where}, state {state.name!r}", state)
    if swarm.default_agent not in swarm.agents_by_name:
        yield f"{where}: default_agent {swarm.default_agent!r} is not one of its agents ({_listed(swarm)})"
    yield from _limit_faults(where, swarm)
    for policy in swarm.policies:
        yield from _name_faults(f"{where}, policy {policy.name!r}", policy.name)
    for agent in swarm.agents:
        yield from _agent_faults(f"{where}, agent {agent.name!r}", agent, swarm)


def _faults_inside(where: str, swarm: Swarm) -> Iterator[str]:
    """Return what is of the wrong kind in the lists of a swarm, and in the lists of its agents."""
    for field, kind in (("agents", Agent), ("policies", Policy), ("states", State)):
        for item in _listed_in(swarm, field):
            name = f"{where}, {kind.__name__.lower()} {getattr(item, 'name', None)!r}"
            if not isinstance(item, kind):
                yield _misplaced(where, field, item, kind)
                continue
            yield from shape_faults(name, item)
            for tool in _listed_in(item, "tools") if isinstance(item, Agent) else ():
                if isinstance(tool, Tool):
                    yield from shape_faults(f"{name}, tool {tool.name!r}", tool)
                else:
                    yield _misplaced(name, "tools", tool, Tool) + "; decorate the function with @tool"


def _listed_in(definition: object, field: str) -> Sequence[object]:
    items: object = getattr(definition, field)
    return cast("tuple[object, ...]", items) if isinstance(items, tuple) else ()


def _state_faults(where: str, state: State) -> Iterator[str]:
    yield from _name_faults(where, state.name)
    try:
        dumps(state.default)
    except (TypeError, ValueError):
        yield f"{where}: default {state.default!r} is not JSON"


def _agent_faults(where: str, agent: Agent, swarm: Swarm) -> Iterator[str]:
    yield from _name_faults(where, agent.name)
    yield from _answer_faults(where, agent)
    for target in agent.handoffs:
        if target not in swarm.agents_by_name:
            yield f"{where}: hand-off to {target!r}, which is not an agent of the swarm ({_listed(swarm)})"
        elif target == agent.name:
            yield f"{where}: hand-off to itself"
    for name in agent.states or ():
        if swarm.states and name not in {state.name for state in swarm.states}:
            yield f"{where}: state {name!r} is not one of the swarm's states"
    yield from _agent_limit_faults(where, agent)
    yield from _doubles(where, "tool", [item.name for item in agent.all_tools])
    for item in agent.all_tools:
        yield from _name_faults(f"{where}, tool {item.name!r}", item.name)
        if item.timeout_s is not None and item.timeout_s <= 0:
            yield f"{where}, tool {item.name!r}: timeout_s must be positive"


def _answer_faults(where: str, agent: Agent) -> Iterator[str]:
    if agent.operator is None:
        if not callable(getattr(agent.completion, "complete", agent.completion)):
            yield f"{where}: completion {agent.completion!r} has no method `complete` and is no function"
        elif isinstance(agent.completion, type):
            yield f"{where}: completion {agent.completion.__name__} is a class: make one of it"
        return
    for name in ("completion", "tools", "handoffs", "prompt", "system", "system_dynamic"):
        if getattr(agent, name):
            yield f"{where}: an operator asks no model, so it has no {name}"
    if agent.operator.timeout_s is not None and agent.operator.timeout_s <= 0:
        yield f"{where}: the operator's timeout_s must be positive"


def _limit_faults(where: str, swarm: Swarm) -> Iterator[str]:
    for name, allowed in _CHOICES.items():
        if getattr(swarm, name) not in allowed:
            yield f"{where}: {name} {getattr(swarm, name)!r} is not one of {', '.join(allowed)}"
    if swarm.resque_strategy == "custom" and swarm.resque is None:
        yield f"{where}: resque_strategy 'custom' needs the function resque"
    try:
        swarm.texts.handed_over.format(agent="")
    except (LookupError, ValueError):
        yield f"{where}: texts.handed_over has other braces than {{agent}}"
    if not swarm.texts.placeholders:
        yield f"{where}: texts.placeholders is empty"
    if swarm.session_ttl < timedelta(seconds=1):
        yield f"{where}: session_ttl {swarm.session_ttl} is shorter than a second"
    yield from _not_positive(where, swarm, "turn_timeout_s", "max_mailbox", "max_nested_executions")
    yield from _not_positive(where, swarm, "history_max", "stack_max", "output_max_bytes")
    if swarm.throttle_s < 0:
        yield f"{where}: throttle_s must not be negative"


def _agent_limit_faults(where: str, agent: Agent) -> Iterator[str]:
    if agent.keep_messages < 0:
        yield f"{where}: keep_messages must not be negative"
    yield from _not_positive(where, agent, "completion_timeout_s", "tool_timeout_s")


def _not_positive(where: str, definition: Swarm | Agent, *names: str) -> Iterator[str]:
    return (f"{where}: {name} must be positive" for name in names if getattr(definition, name) <= 0)


def _name_faults(where: str, name: str) -> Iterator[str]:
    if not is_name(name):
        yield f"{where}: a name has 1 to 64 characters of A-Z a-z 0-9 _ . -"


def _doubles(where: str, what: str, names: Iterable[str]) -> list[str]:
    return [f"{where}: {what} {name!r} is defined {n} times" for name, n in Counter(names).items() if n > 1]


def _misplaced(where: str, field: str, item: object, kind: type) -> str:
    article = "an" if kind is Agent else "a"
    return f"{where}: {field} holds {item!r}, which is not {article} {kind.__name__}"


def _listed(swarm: Swarm) -> str:
    return ", ".join(agent.name for agent in swarm.agents) or "it has none"
