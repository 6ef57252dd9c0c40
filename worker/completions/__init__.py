"""Adapters to models; echo, rules and script need nothing installed and no key, the others an extra each."""

from typing import TYPE_CHECKING

from worker.completions.echo import EchoCompletion
from worker.completions.rules import RuleCompletion
from worker.completions.scripted import ScriptedCompletion
from worker.errors import ConfigurationError, ModelError

if TYPE_CHECKING:
    from worker.completions.openai import OpenAICompletion
    from worker.completions.pydantic_ai import PydanticAICompletion

__all__ = [
    "EchoCompletion",
    "ModelError",
    "OpenAICompletion",
    "PydanticAICompletion",
    "RuleCompletion",
    "ScriptedCompletion",
]


def __getattr__(name: str) -> object:
    """Import an adapter when it is first asked for: its library takes half a second, and is optional."""
    match name:
        case "OpenAICompletion":
            return _openai()
        case "PydanticAICompletion":
            return _pydantic_ai()
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _openai() -> object:
    try:
        from worker.completions.openai import OpenAICompletion  # noqa: PLC0415 - see __getattr__
    except ModuleNotFoundError as error:
        raise ConfigurationError(_missing("OpenAICompletion", "openai", error)) from error
    return OpenAICompletion


def _pydantic_ai() -> object:
    try:
        from worker.completions.pydantic_ai import PydanticAICompletion  # noqa: PLC0415 - see __getattr__
    except ModuleNotFoundError as error:
        raise ConfigurationError(_missing("PydanticAICompletion", "llm", error)) from error
    return PydanticAICompletion


def _missing(adapter: str, extra: str, error: ModuleNotFoundError) -> str:
    return f"{adapter} needs a package that is not installed ({error.name}): pip install 'swarmline[{extra}]'"
