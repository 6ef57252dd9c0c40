"""Every exception that Swarmline raises on purpose, and the exit code of the command for each.

    SwarmlineError                exit 1
    ├── ConfigurationError        exit 78   settings, command line or definitions are wrong; nothing was started
    │   ├── ProtocolMismatch      exit 78   the namespace was made for another protocol version or number of shards
    │   └── DefinitionError       exit 78   worker/definitions: an application is defined wrongly
    ├── QueueUnavailable          exit 69   Redis refused us or was lost
    │   ├── QueueFull                       worker/store: it has reached its maxmemory
    │   ├── CommandRefused                  worker/store: it answered with an error
    │   ├── NotAnnounced                    worker/store: it has lost what this worker said of its swarms
    │   └── NoLease                         worker/store: others have the sessions of this worker
    └── Fenced                              the session of this turn has a younger holder: drop the turn, write nothing

What a request or an agent does wrong is no exception but an outcome of its turn. An exception means that
infrastructure was lost, that somebody has to change a setting, or that there is a bug.

`Retryable`, `ModelError` and `TurnError` (worker/definitions) stand outside of the tree: completions and tools raise
them, and they end their turn like any error of theirs. Private servers, the simulation and the bench have a few of
their own below `SwarmlineError`.
"""

EXIT_OK = 0
EXIT_CRASH = 1
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 69
EXIT_DRAIN_TIMEOUT = 75
EXIT_CONFIGURATION = 78


class SwarmlineError(Exception):
    """The root of the tree; catch it to catch everything that Swarmline raises on purpose."""

    exit_code = EXIT_CRASH


class ConfigurationError(SwarmlineError):
    """Settings, command line or definitions are wrong; `faults` names every one of them."""

    exit_code = EXIT_CONFIGURATION

    def __init__(self, *faults: str) -> None:
        """Take one line for each fault."""
        self.faults = faults
        super().__init__("\n".join(faults))


class ProtocolMismatch(ConfigurationError):
    """The namespace in Redis has another protocol version or number of shards than this worker."""


class QueueUnavailable(SwarmlineError):
    """Redis refused a command or the connection was lost; whether the command was applied is unknown."""

    exit_code = EXIT_UNAVAILABLE


class Fenced(SwarmlineError):
    """A younger holder has this session; whatever this turn still wants to write is void."""


class Retryable(Exception):
    """A completion or a tool failed at something that may go well later; raise it or a subclass.

    `after_s`: seconds to wait at least, None when the one who raises can't tell.
    """

    def __init__(self, message: str = "", *, after_s: float | None = None) -> None:
        """Take a message for the log: no contents of messages, no secret."""
        super().__init__(message)
        self.after_s = after_s


class ModelError(Exception):
    """A model was asked and gave no answer; the text is ours, holds no contents, and says what to change."""
