"""Operators: a human who answers in the place of a model."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A human behind an agent; the turn is parked until the answer comes, and takes no place in a worker.

    With `timeout_s` the answer is empty when none came for so long; None = it waits until somebody ends it.
    """

    timeout_s: float | None = None
