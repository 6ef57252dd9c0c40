"""Fields that hold something else than they are for: named at construction, never a raw TypeError."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest

from worker import (
    Agent,
    AgentCallbacks,
    App,
    CompletionMessage,
    CompletionRequest,
    DefinitionError,
    Policy,
    PolicyCallbacks,
    State,
    Swarm,
    SwarmCallbacks,
    Texts,
    tool,
)
from worker.completions import EchoCompletion


class Options(TypedDict):
    """What no instance can be checked against."""

    seed: int


def agent(**options: Any) -> Agent:
    return Agent("a", **({"completion": EchoCompletion()} | options))


def swarm(**options: Any) -> Swarm:
    return Swarm("s", **({"agents": [agent()], "default_agent": "a"} | options))


def faults_of(*swarms: Any) -> Sequence[str]:
    with pytest.raises(DefinitionError) as raised:
        App(swarms)
    return raised.value.faults


async def look() -> str:
    """Look something up."""
    return "found"


WRONG: dict[str, tuple[Callable[[], Swarm], str]] = {
    "a number as text": (lambda: swarm(agents=[agent(keep_messages="15")]), "keep_messages must be a whole number"),
    "no number": (lambda: swarm(agents=[agent(tool_timeout_s=None)]), "tool_timeout_s must be a number, not None"),
    "not a number": (lambda: swarm(agents=[agent(tool_timeout_s=float("nan"))]), "tool_timeout_s must be a number"),
    "True as a number": (lambda: swarm(max_mailbox=True), "max_mailbox must be a whole number, not True"),
    "a fraction": (lambda: swarm(max_mailbox=1.5), "max_mailbox must be a whole number, not 1.5"),
    "no list": (lambda: swarm(agents=[agent(tools=None)]), "tools must be a list, not None"),
    "text for a list": (lambda: swarm(agents=[agent(handoffs="b")]), "handoffs must be a list of text, not 'b'"),
    "text for states": (lambda: swarm(agents=[agent(states="x")]), "states must be a list of text or None, not 'x'"),
    "no agents": (lambda: swarm(agents=None), "agents must be a list, not None"),
    "a number for lines": (lambda: swarm(agents=[agent(system=5)]), "system must be text or a list of text, not 5"),
    "no prompt": (lambda: swarm(agents=[agent(prompt=None)]), "prompt must be text or a function, not None"),
    "text for a hook": (lambda: swarm(agents=[agent(validate="x")]), "validate must be a function or None, not 'x'"),
    "a dict of callbacks": (lambda: swarm(agents=[agent(callbacks={})]), "callbacks must be AgentCallbacks, not {}"),
    "text for a callback": (
        lambda: swarm(agents=[agent(callbacks=AgentCallbacks(on_init="x"))]),  # type: ignore[arg-type]
        "agent 'a', callbacks: on_init must be a function or None, not 'x'",
    ),
    "callbacks of another": (lambda: swarm(callbacks=PolicyCallbacks()), "callbacks must be SwarmCallbacks"),
    "a callback of a swarm": (lambda: swarm(callbacks=SwarmCallbacks(on_dispose=1)), "on_dispose must be a function"),  # type: ignore[arg-type]
    "seconds for a time": (lambda: swarm(session_ttl=30), "session_ttl must be timedelta, not 30"),
    "no texts": (lambda: swarm(texts=None), "texts must be Texts, not None"),
    "one placeholder": (lambda: swarm(texts=Texts(placeholders="Sorry")), "placeholders must be a list of text"),
    "other braces": (lambda: swarm(texts=Texts(handed_over="to {who}")), "handed_over has other braces than {agent}"),
    "a number for a name": (lambda: Swarm(7, agents=[agent()], default_agent="a"), "swarm 7: name must be text"),  # type: ignore[arg-type]
    "text for a validator": (lambda: swarm(policies=[Policy("p", validate_input="x")]), "must be a function or None"),  # type: ignore[arg-type]
    "no ban message": (lambda: swarm(policies=[Policy("p", ban_message=None)]), "policy 'p': ban_message must be text"),  # type: ignore[arg-type]
    "text for a middleware": (lambda: swarm(states=[State("x", middlewares=["m"])]), "middlewares must be a list"),  # type: ignore[list-item]
    "a default that is no JSON": (lambda: swarm(states=[State("x", default=object())]), "is not JSON"),  # type: ignore[arg-type]
    "a limit of a tool": (
        lambda: swarm(agents=[agent(tools=[tool(timeout_s=-1)(look)])]),
        "timeout_s must be positive",
    ),
    "no time for a tool": (
        lambda: swarm(agents=[agent(tools=[tool(timeout_s=0)(look)])]),
        "timeout_s must be positive",
    ),
    "a limit as text": (
        lambda: swarm(agents=[agent(tools=[tool(timeout_s="9")(look)])]),  # type: ignore[call-overload]
        "tool 'look': timeout_s must be a number or None, not '9'",
    ),
    "a class for a completion": (lambda: swarm(agents=[agent(completion=EchoCompletion)]), "is a class: make one"),
}


@pytest.mark.parametrize(("make", "fault"), WRONG.values(), ids=WRONG)
def test_a_field_of_the_wrong_kind_is_named(make: Callable[[], Swarm], fault: str) -> None:
    (named,) = faults_of(make())
    assert fault in named


def test_wrong_kinds_are_all_named_at_once_with_their_place() -> None:
    one = swarm(
        agents=[agent(keep_messages="x", tools=[look]), "b"],
        policies=[Policy("p", ban_message=1)],
        texts=None,  # type: ignore[arg-type]
    )
    text = "\n".join(faults_of(one))
    for part in (
        "texts must be",
        "agent 'a': keep_messages",
        "tools holds <function look",
        "agents holds 'b'",
        "'p': ban",
    ):
        assert part in text


def test_swarms_come_in_a_list() -> None:
    with pytest.raises(DefinitionError, match="swarms must be a list"):
        App(swarm())  # type: ignore[arg-type]


def test_what_is_given_in_any_order_of_things_is_kept_as_it_is() -> None:
    one = swarm(agents=iter([agent(handoffs={"b": 1}.keys()), Agent("b", completion=EchoCompletion())]))
    assert [each.name for each in App([one]).swarms["s"].agents] == ["a", "b"]


@dataclass
class Adapter:
    """A completion of somebody else, with annotations that nobody could check an instance against."""

    options: Options

    async def complete(self, _request: CompletionRequest) -> CompletionMessage:
        return CompletionMessage(str(self.options))


def test_nobody_looks_into_a_completion() -> None:
    assert App([swarm(agents=[agent(completion=Adapter({"seed": 1}))])])
