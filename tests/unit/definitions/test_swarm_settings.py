"""What the lane reads of a swarm."""

from datetime import timedelta

from worker import Agent, Policy, Swarm
from worker.completions import EchoCompletion


def swarm() -> Swarm:
    agents = [Agent(name, completion=EchoCompletion(), keep_messages=keep) for name, keep in (("a", 3), ("b", 20))]
    return Swarm(
        "s",
        agents=agents,
        default_agent="a",
        policies=[Policy("p")],
        session_ttl=timedelta(seconds=90),
        when_busy="throttle",
        throttle_s=2.5,
        max_mailbox=7,
    )


def test_admission_gets_what_it_decides_on() -> None:
    assert swarm().admission_settings() == {
        "when_busy": "throttle",
        "throttle_ms": 2500,
        "max_mailbox": 7,
        "ttl_ms": 90_000,
        "has_policies": True,
        "history_window": 21,
        "history_max": 1000,
    }


def test_the_window_covers_the_agent_that_keeps_most() -> None:
    assert swarm().history_window == 21


def test_agents_are_found_by_name() -> None:
    assert swarm().agents_by_name["b"].keep_messages == 20
