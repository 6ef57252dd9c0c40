"""What can go wrong between us and a model, each with a message that says what to change.

    ModelError
    ├── KeyRefused           no key, or one that the server does not take
    ├── UnknownModel         no such model, or no such address
    ├── ContextTooLong       more text than the model can read
    ├── QuotaUsedUp          the account has no money or no quota left
    ├── QuestionRefused      the server does not accept the question as it is
    ├── ModelNotSetUp        a name or a package of the provider is missing
    ├── AnswerCutOff         the limit of output tokens ended the answer before it said anything
    ├── AnswerUnreadable     retryable   the answer is not what the API promises
    ├── AnswerBroken         retryable   the stream of an answer ended too early
    ├── ModelBusy            retryable   rate limit or overload
    ├── ServerFailed         retryable   status 5xx
    └── ServerUnreachable    retryable   no connection
        └── ModelTooSlow     retryable   no answer in time

Messages go to logs. They never repeat a key, nor what a server said: servers quote keys and texts of users.
"""

from worker.errors import ModelError, Retryable


class KeyRefused(ModelError):
    """The server does not take the key."""


class UnknownModel(ModelError):
    """The server does not know the model, or nothing answers at this address."""


class ContextTooLong(ModelError):
    """The question is longer than what the model can read."""


class QuotaUsedUp(ModelError):
    """The account behind the key has nothing left."""


class QuestionRefused(ModelError):
    """The server does not accept the question as it is."""


class ModelNotSetUp(ModelError):
    """The model can't be asked from here: its name is wrong, or a package or a variable is missing."""


class AnswerCutOff(ModelError):
    """The limit of output tokens was reached before anything useful was said."""


class AnswerUnreadable(ModelError, Retryable):
    """The answer is not what the API promises."""


class AnswerBroken(ModelError, Retryable):
    """The stream of an answer ended too early."""


class ModelBusy(ModelError, Retryable):
    """The server asks for patience: rate limit or overload."""


class ServerFailed(ModelError, Retryable):
    """The server failed by a fault of its own."""


class ServerUnreachable(ModelError, Retryable):
    """There is no connection to the server."""


class ModelTooSlow(ServerUnreachable):
    """The server took the question and did not answer in time."""
