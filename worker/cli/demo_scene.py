"""What the demo shows: an application, the swarm of it that talks, and questions for when nobody asks any."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from worker.cli.load import load_app
from worker.definitions.swarm import Swarm


@dataclass(frozen=True, slots=True)
class Scene:
    """One application in the demo; `reference` is its MODULE:ATTR."""

    reference: str
    swarm: Swarm
    samples: Sequence[str]

    @property
    def cast(self) -> str:
        """Return who takes part, as one line."""
        agents = self.swarm.agents
        tools = dict.fromkeys(tool.name for agent in agents for tool in agent.tools)
        parts = [
            f"agents {', '.join(agent.name for agent in agents)}",
            f"tools {', '.join(tools)}" if tools else "",
            f"policies {', '.join(policy.name for policy in self.swarm.policies)}" if self.swarm.policies else "",
        ]
        return f"swarm {self.swarm.name}: {'; '.join(filter(None, parts))}"


def scene_of(reference: str) -> Scene:
    """Load an application; its module may have `SAMPLES`. Raises `ConfigurationError`."""
    app = load_app(reference)
    samples = getattr(sys.modules[reference.partition(":")[0]], "SAMPLES", ())
    return Scene(reference, next(iter(app.swarms.values())), tuple(samples))
