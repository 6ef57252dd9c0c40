"""What the producer raises, as errors of the command line with their exit codes."""

from collections.abc import Generator
from contextlib import contextmanager

import typer

from producers import InvalidRequest, ProducerError, ProtocolMismatch, QueueUnavailable
from worker.errors import EXIT_CONFIGURATION, EXIT_CRASH, EXIT_UNAVAILABLE, EXIT_USAGE

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
