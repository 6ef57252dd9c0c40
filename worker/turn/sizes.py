"""How large a text may be that leaves a turn: what a client reads, what the history keeps."""

from worker.definitions.errors import TextTooLargeError
from worker.turn.port import OpenTurn


def oversize(turn: OpenTurn, text: str) -> str | None:
    """Return what is wrong with a text that is larger than its swarm allows, None when it is not."""
    limit = turn.swarm.output_max_bytes
    if len(text) * 4 <= limit or len(text.encode("utf-8", "replace")) <= limit:
        return None
    return f"larger than {limit} bytes"


def check_size(turn: OpenTurn, text: str) -> None:
    """Raise `TextTooLargeError` for a text that is larger than its swarm allows."""
    fault = oversize(turn, text)
    if fault is not None:
        raise TextTooLargeError(f"a text {fault}: make it shorter, or raise output_max_bytes of the swarm")
