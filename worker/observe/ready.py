"""What a process says on standard output to whoever started it: that it serves, first of all."""

from contextlib import suppress


def say(line: str) -> None:
    """Print a line at once: it may go to a pipe, and that nobody reads it any more is no reason to end."""
    with suppress(BrokenPipeError):
        print(line, flush=True)  # noqa: T201 - for whoever started us


def say_ready(*words: str, **fields: object) -> None:
    """Say `READY word … name=value …`; a field that is `""` is left out."""
    say(" ".join(["READY", *words, *(f"{name}={value}" for name, value in fields.items() if value != "")]))
