"""What a wrong definition raises, and what a tool meets that asks a turn for the impossible."""

from worker.errors import ConfigurationError


class DefinitionError(ConfigurationError):
    """An application can't work as it was written; `faults` names everything that is wrong, one sentence each."""


class TurnError(Exception):
    """A tool asked its turn for something that is not possible; uncaught, it ends the call as failed."""


class UnknownStateError(TurnError):
    """The active agent does not list this state."""


class SharedStateError(TurnError):
    """A shared state can't be used: its key holds something that no worker has written."""


class TextTooLargeError(TurnError):
    """A text is larger than its swarm allows."""


class NavigationLoopError(TurnError):
    """The agent to go to was already gone to in this turn."""


class NestingLimitError(TurnError):
    """The turn asked its agents too many times, or executions and runs go too deep into each other."""


class UnknownAgentError(TurnError):
    """The agent to hand over to is not of this swarm."""


class TurnOverError(TurnError):
    """The turn has ended: a task that its tool left running can't speak, commit or change anything."""
