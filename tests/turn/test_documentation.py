"""What docs/defining-swarms.md shows works as it says."""

import re

from tests.helpers.processes import ROOT
from tests.turn.recording import Stage
from worker import Agent, AgentCallbacks, App, PolicyCallbacks, StateCallbacks, Swarm, SwarmCallbacks, ToolCallbacks

PAGE = (ROOT / "docs" / "defining-swarms.md").read_text()


def documented_app() -> App:
    names: dict[str, object] = {"__name__": "shop"}
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], names)  # noqa: S102 - our own page
    app = names["app"]
    assert isinstance(app, App)
    return app


async def test_the_example_answers_by_hand_off_and_tool() -> None:
    stage = Stage(documented_app().swarms["support"])
    reply = await stage.say("Where is order 42?")
    assert (reply.output, reply.agent_name) == ("Order 42 is on its way.", "sales")
    assert (await stage.say("Damn!")).output == "Please stay polite."


def test_every_option_is_documented() -> None:
    for definition in (Agent, Swarm):
        missing = [name for name in definition.__dataclass_fields__ if not re.search(rf"\b{name}\b", PAGE)]
        assert not missing, definition


def test_every_callback_is_documented() -> None:
    for callbacks in (SwarmCallbacks, AgentCallbacks, PolicyCallbacks, StateCallbacks, ToolCallbacks):
        line = PAGE[PAGE.index(f"* `{callbacks.__name__}`") :].split("\n* ")[0]
        missing = [name for name in callbacks.__dataclass_fields__ if f"{name}(" not in line]
        assert missing in ([], ["on_assistant_message", "on_system_message", "on_developer_message"])
