"""The hash chain that each session builds: an answer proves what came before it, in which order."""

import hashlib
from typing import NamedTuple, Self


def hash_of(previous: str, message: str) -> str:
    """Return the hash that `message` makes of the state before it."""
    return hashlib.sha256(f"{previous}\n{message}".encode()).hexdigest()[:16]


class Link(NamedTuple):
    """One answer: the state after it, the state that it was made from, and which run of the agent made it."""

    state: str
    previous: str
    execution: str

    @classmethod
    def after(cls, previous: str, message: str, execution: str) -> Self:
        """Return the answer to `message` from the state `previous`, `""` in a fresh session."""
        return cls(hash_of(previous, message), previous, execution)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the answer that `text` is, None when an agent of the simulation did not write it."""
        parts = text.split("|")
        return cls(parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0] == "link" else None  # noqa: PLR2004

    @property
    def text(self) -> str:
        """Return the answer as it is sent."""
        return f"link|{self.state}|{self.previous}|{self.execution}"
