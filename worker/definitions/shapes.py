"""Whether the fields of definitions hold what they are annotated with: users may not run a type checker."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

_WORDS: Mapping[object, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    NoneType: "None",
    Callable: "a function",
    Sequence: "a list",
}


def frozen(given: object) -> object:
    """Return a tuple of what was given as a list of any kind; what is none is left for `shape_faults` to name."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping):
        return tuple(cast("Iterable[object]", given))
    return cast("object", given)


def shape_faults(where: str, definition: object) -> Iterator[str]:
    """Return one sentence for each field that holds something else than its annotation says.

    Callbacks and texts are looked into. What lists of other definitions hold is up to the caller.
    """
    for field in fields(cast("Any", definition)):
        value: object = getattr(definition, field.name)
        if not _fits(value, field.type):
            yield f"{where}: {field.name} must be {_words(field)}, not {value!r}"
        elif is_dataclass(value) and type(value) in _hints(field):  # not what merely serves as a completion
            yield from shape_faults(f"{where}, {field.name}", value)


def _fits(value: object, hint: Any) -> bool:
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if kind is Callable:
        return callable(value)
    if kind is Sequence:
        return isinstance(value, list | tuple) and _hold(cast("Sequence[object]", value), parts[0])
    if kind in (int, float):
        return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - NaN
    if isinstance(kind, type) and kind is not Literal and not getattr(kind, "_is_protocol", False):
        return isinstance(value, kind)
    return True


def _hold(items: Sequence[object], hint: Any) -> bool:
    return all(_fits(item, hint) for item in items) if hint is str or get_origin(hint) is Callable else True


def _words(field: Field[Any]) -> str:
    return " or ".join(dict.fromkeys(map(_word, _hints(field))))


def _hints(field: Field[Any]) -> tuple[Any, ...]:
    return get_args(field.type) if get_origin(field.type) in (Union, UnionType) else (field.type,)


def _word(hint: Any) -> str:
    kind = get_origin(hint) or hint
    if kind is Sequence and get_args(hint)[0] is str:
        return "a list of text"
    return _WORDS.get(kind) or str(getattr(kind, "__name__", kind))
