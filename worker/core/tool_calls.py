"""Which of the tool calls that a model asked for are made, and under which ids."""

from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import blake2b

from worker.core.messages import ToolCall

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 9


def call_id(request_id: str, n: int) -> str:
    """Return an id for the n-th call of a request: the same in every attempt, so that a journal can be replayed."""
    number = int.from_bytes(blake2b(f"{request_id}/{n}".encode(), digest_size=8).digest())
    digits: list[str] = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "call_" + "".join(digits)


def doubled_ids(calls: Sequence[ToolCall]) -> list[str]:
    """Return the ids that more than one call has."""
    return [id_ for id_, n in Counter(call.id for call in calls).items() if n > 1]


def selected(calls: Sequence[ToolCall], max_calls: int, navigation: Collection[str]) -> list[ToolCall]:
    """Return the calls to make: the last `max_calls`, but only the first navigation if there is one among them."""
    kept = list(calls[-max_calls:]) if max_calls > 0 else []
    first = next((call for call in kept if call.name in navigation), None)
    return kept if first is None else [first]
