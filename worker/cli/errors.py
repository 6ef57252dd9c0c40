"""What goes wrong between a verb and Redis, as one line that says what to do, and the exit code for it."""

from collections.abc import Generator
from contextlib import contextmanager

import typer

from producers import InvalidRequest, ProducerError, ProtocolMismatch, QueueUnavailable
from worker import errors
from worker.errors import EXIT_CONFIGURATION, EXIT_CRASH, EXIT_UNAVAILABLE, EXIT_USAGE
from worker.store.checkup import FORBIDDEN

WHERE_TO_LOOK = "`swarmline doctor` says more"

EXIT_CODES: tuple[tuple[type[ProducerError], int], ...] = (
    (InvalidRequest, EXIT_USAGE),
    (QueueUnavailable, EXIT_UNAVAILABLE),
    (ProtocolMismatch, EXIT_CONFIGURATION),
    (ProducerError, EXIT_CRASH),
)


@contextmanager
def told_plainly() -> Generator[None]:
    """Print a producer's error as one line and exit with its code."""
    try:
        yield
    except ProducerError as error:
        typer.echo(f"swarmline: {error}", err=True)
        raise typer.Exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind))) from None


@contextmanager
def advising(role: str) -> Generator[None]:
    """Add to a QueueUnavailable what to do; `role` is the one of deploy/acl that has the rights."""
    try:
        yield
    except errors.QueueUnavailable as error:
        fault = str(error).rstrip(".")
        if FORBIDDEN in fault:
            advised = f"Redis refuses this user: {fault}; use one with the rights of deploy/acl/{role}.acl"
        else:
            advised = f"Redis does not answer: {fault}; {WHERE_TO_LOOK}"
        raise errors.QueueUnavailable(advised) from error
