"""What a wrong definition raises."""

from collections.abc import Sequence


class DefinitionError(ValueError):
    """An application can't work as it was written; `faults` names everything that is wrong, one sentence each."""

    def __init__(self, faults: Sequence[str]) -> None:
        """Gather all faults of one application."""
        self.faults = tuple(faults)
        super().__init__("\n".join(["the application can't work as it is written:", *(f"- {f}" for f in faults)]))
