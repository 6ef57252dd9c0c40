"""Applications: the swarms that a worker serves, checked as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.definitions.errors import DefinitionError
from worker.definitions.faults import faults_of
from worker.definitions.swarm import Swarm


@dataclass(frozen=True, eq=False, init=False)
class App:
    """What a worker serves; `swarms` maps a name to its swarm."""

    swarms: dict[str, Swarm]

    def __init__(self, swarms: Sequence[Swarm]) -> None:
        """Check all swarms; raises `DefinitionError` with everything that is wrong."""
        faults = faults_of(swarms)
        if faults:
            raise DefinitionError(*faults)
        object.__setattr__(self, "swarms", {swarm.name: swarm for swarm in swarms})
