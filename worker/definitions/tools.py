"""Tools: functions that an agent may call, with a schema from their signature."""

import inspect
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import NamedTuple, cast, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, JsonValue, PydanticUserError, create_model

from worker.core.messages import ToolCall
from worker.definitions.callbacks import ToolCallbacks
from worker.definitions.completion import ToolSpec
from worker.definitions.errors import DefinitionError
from worker.definitions.session_info import SessionInfo
from worker.definitions.turn import Turn

ToolFunction = Callable[..., object]
IsAvailable = Callable[[SessionInfo], bool | Awaitable[bool]]
#: computes how the model sees the tool in this session
Describe = Callable[[SessionInfo], ToolSpec | Awaitable[ToolSpec]]
ValidateCall = Callable[[ToolCall, SessionInfo], bool | Awaitable[bool]]


@dataclass(frozen=True, eq=False)
class Tool:
    """One tool; make it with the decorator `tool`.

    The function gets the turn first if it has a parameter for it, then the arguments that the model gave, checked
    against the annotations. It may be sync (it then runs in a thread) or async. Text that it returns is committed as
    the output of the call; other JSON values are turned into text. `timeout_s` None means the agent's.
    """

    name: str
    _: KW_ONLY
    function: ToolFunction
    description: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    arguments_model: type[BaseModel] | None = None
    turn_parameter: str = "turn"
    navigates_to: str = ""
    timeout_s: float | None = None
    validate: ValidateCall | None = None
    is_available: IsAvailable | None = None
    describe: Describe | None = None
    callbacks: ToolCallbacks = field(default_factory=ToolCallbacks)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the function itself, as a test would."""
        return self.function(*args, **kwargs)

    @cached_property
    def spec(self) -> ToolSpec:
        """Return the tool as the model sees it."""
        return ToolSpec(self.name, self.description, self.parameters)

    @cached_property
    def is_async(self) -> bool:
        """Tell whether the function is a coroutine function; one that is not runs in a thread."""
        return inspect.iscoroutinefunction(self.function)


class Offer(NamedTuple):
    """The tools of one question to a model: what it sees, and what a name that it calls stands for."""

    specs: tuple[ToolSpec, ...]
    tools: Mapping[str, Tool]
    navigation: frozenset[str]


def offer_of(found: Iterable[tuple[ToolSpec, Tool]]) -> Offer:
    """Return an offer: of tools with one name only the first, navigation before everything else."""
    unique: dict[str, tuple[ToolSpec, Tool]] = {}
    for spec, item in found:
        unique.setdefault(spec.name, (spec, item))
    ordered = sorted(unique.values(), key=lambda pair: not pair[1].navigates_to)
    return Offer(
        tuple(spec for spec, _ in ordered),
        {spec.name: item for spec, item in ordered},
        frozenset(spec.name for spec, item in ordered if item.navigates_to),
    )


@overload
def tool(function: ToolFunction) -> Tool: ...
@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    timeout_s: float | None = None,
    validate: ValidateCall | None = None,
    is_available: IsAvailable | None = None,
    describe: Describe | None = None,
    callbacks: ToolCallbacks | None = None,
) -> Callable[[ToolFunction], Tool]: ...
def tool(function: ToolFunction | None = None, **options: object) -> Tool | Callable[[ToolFunction], Tool]:
    """Make a tool of a function: its docstring is the description, its annotations are the schema.

    Raises `DefinitionError` when the annotations have no JSON schema.
    Use it bare, or with any of `name`, `description`, `timeout_s`, `validate`, `is_available`, `describe`, `callbacks`.
    """
    if function is not None:
        return _tool_of(function, {})
    return lambda decorated: _tool_of(decorated, options)


def _tool_of(function: ToolFunction, options: Mapping[str, object]) -> Tool:
    if not callable(function):
        raise DefinitionError(f"tool makes a tool of a function, not of {function!r}")
    called = getattr(function, "__name__", type(function).__name__)
    given = {name: value for name, value in options.items() if value not in (None, "")}
    try:
        signature, hints = inspect.signature(function), get_type_hints(function, include_extras=True)
        turn_parameter = _turn_parameter(signature, hints)
        model = _arguments_model(function, signature, hints, turn_parameter)
        parameters = _schema_of(model)
    except (PydanticUserError, TypeError, NameError) as error:
        raise DefinitionError(f"tool {called!r}: its parameters have no JSON schema: {error}") from error
    fields: dict[str, object] = {
        "name": called,
        "description": inspect.getdoc(function) or "",
        "function": function,
        "arguments_model": model,
        "parameters": parameters,
        "turn_parameter": turn_parameter,
    }
    return Tool(**(fields | given))  # pyright: ignore[reportArgumentType] - names and types as in the overload


def _turn_parameter(signature: inspect.Signature, hints: Mapping[str, object]) -> str:
    """Return the name of the parameter that takes the turn, `""` when the function has none."""
    for name in signature.parameters:
        if hints.get(name) is Turn or (name == "turn" and name not in hints):
            return name
    return ""


def _arguments_model(
    function: ToolFunction, signature: inspect.Signature, hints: Mapping[str, object], turn_parameter: str
) -> type[BaseModel]:
    fields: dict[str, tuple[object, object]] = {}
    for name, parameter in signature.parameters.items():
        if name == turn_parameter or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, str), default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute")  # it still reads back as the argument
        model = cast("type[BaseModel]", create_model(function.__name__, __config__=config, **fields))  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownArgumentType]
    lost = [name for name in fields if name not in model.model_fields]
    if lost:
        raise TypeError(f"{', '.join(lost)} can't be shown to a model: choose another name")
    return model


def _schema_of(model: type[BaseModel]) -> dict[str, JsonValue]:
    schema = cast("dict[str, JsonValue]", model.model_json_schema())
    schema.pop("title", None)
    return schema
