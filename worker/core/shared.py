"""Values that sessions share, as they travel between a turn and Redis."""

from typing import NamedTuple


class SharedChange(NamedTuple):
    """A new value, JSON, for a shared state that still has this version."""

    version: int
    text: str


class SharedValue(NamedTuple):
    """What a shared state holds: `text` is JSON, `""` before the first change; `version` counts the changes.

    `applied`: the change that was asked about has been made, now or by an earlier attempt of the turn, and gave `text`.
    """

    version: int
    text: str
    applied: bool
