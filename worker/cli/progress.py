"""A bar for work that takes long, on the terminal of whoever waits; nothing where standard error is no terminal."""

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

import typer

T = TypeVar("T")


def with_bar(items: Sequence[T], label: str) -> Iterator[T]:
    """Yield the items, and show how many are done; the bar needs no line of standard output."""
    if len(items) < 2 or not sys.stderr.isatty():  # noqa: PLR2004 - one thing has no way to go
        yield from items
        return
    with typer.progressbar(items, label=label, file=sys.stderr, show_pos=True) as bar:
        yield from bar
