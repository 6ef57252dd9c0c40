"""A wrong application is refused when it is built, with every fault named."""

from datetime import timedelta
from typing import Any

import pytest

from worker import Agent, App, DefinitionError, Policy, State, Swarm
from worker.completions import EchoCompletion


def agent(name: str = "a", **options: Any) -> Agent:
    return Agent(name, completion=EchoCompletion(), **options)


def faults(**options: Any) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as caught:
        App(swarms=[Swarm("s", **({"agents": [agent()], "default_agent": "a"} | options))])
    return caught.value.faults


def test_a_complete_graph_is_taken() -> None:
    app = App(swarms=[Swarm("s", agents=[agent("a", handoffs=["b"]), agent("b")], default_agent="a")])
    assert list(app.swarms) == ["s"]


def test_every_dangling_reference_is_named_at_once() -> None:
    found = faults(agents=[agent("a", handoffs=["x", "y"])], default_agent="z")
    assert len(found) == 3
    assert all(any(repr(name) in fault for fault in found) for name in "xyz")


def test_the_error_text_holds_all_faults() -> None:
    with pytest.raises(DefinitionError, match=r"'x'[\s\S]*'y'"):
        App(swarms=[Swarm("s", agents=[agent("a", handoffs=["x", "y"])], default_agent="a")])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"agents": [agent("a"), agent("a")]}, "defined 2 times"),
        ({"agents": [], "default_agent": "a"}, "it has none"),
        ({"agents": [agent("a b")], "default_agent": "a b"}, "1 to 64 characters"),
        ({"agents": [agent("a", handoffs=["a"])]}, "itself"),
        ({"agents": [agent("a", tools=[len])]}, "@tool"),
        ({"agents": [agent("a", keep_messages=-1)]}, "keep_messages"),
        ({"agents": [agent("a", completion_timeout_s=0)]}, "completion_timeout_s"),
        ({"agents": [agent("a", states=["x"])], "states": [State("y")]}, "state 'x'"),
        ({"agents": ["a"]}, "not an Agent"),
        ({"policies": ["polite"]}, "not a Policy"),
        ({"policies": [Policy("p"), Policy("p")]}, "policy 'p'"),
        ({"when_busy": "maybe"}, "enqueue, reject"),
        ({"bus": "none"}, "session, all"),
        ({"resque_strategy": "custom"}, "resque"),
        ({"session_ttl": timedelta(0)}, "session_ttl"),
        ({"turn_timeout_s": 0}, "turn_timeout_s"),
        ({"throttle_s": -1}, "throttle_s"),
    ],
)
def test_faults(options: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in faults(**options))


def test_a_completion_must_be_callable() -> None:
    assert "completion 3" in faults(agents=[Agent("a", completion=3)])[0]  # type: ignore[arg-type]


def test_two_swarms_of_one_name_are_refused() -> None:
    one = Swarm("s", agents=[agent()], default_agent="a")
    with pytest.raises(DefinitionError, match="swarm 's'"):
        App(swarms=[one, one])


def test_an_application_without_swarms_is_refused() -> None:
    with pytest.raises(DefinitionError):
        App(swarms=[])


def test_a_plain_async_function_is_a_completion() -> None:
    completion = EchoCompletion()
    App(swarms=[Swarm("s", agents=[Agent("a", completion=completion.complete)], default_agent="a")])
