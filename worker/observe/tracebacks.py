"""Tracebacks without the texts of exceptions: code of an application puts into them what people said."""

import sys
import traceback
from collections.abc import Iterator
from typing import cast

from structlog.typing import EventDict, WrappedLogger

from worker.errors import ConfigurationError, Fenced, ModelError, QueueUnavailable

#: their texts are written here, hold no contents, and tell what to do
OURS = (ConfigurationError, Fenced, ModelError, QueueUnavailable)
AS_CAUSE = "The above exception was the direct cause of the following exception:\n"
AS_CONTEXT = "During handling of the above exception, another exception occurred:\n"
WITHHELD = "text withheld, SWARMLINE_LOG_CONTENTS=true shows it"


def without_texts(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Turn `exc_info` of a log line into `exception`: where it happened and of which kind, not what it says."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given is True else _of(given)
    if error is not None:
        event["exception"] = "".join(_lines(error, set())).rstrip()
    return event


def first_line_of_asyncio(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Keep what asyncio complains of; the lines below show tasks with the texts of their exceptions."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _of(given: object) -> BaseException | None:
    # as logging has it: type, exception, traceback
    return cast("tuple[object, BaseException | None, object]", given)[1] if isinstance(given, tuple) else None


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before, how = (error.__cause__, AS_CAUSE) if error.__cause__ else (error.__context__, AS_CONTEXT)
    if before is not None and id(before) not in seen and (error.__cause__ or not error.__suppress_context__):
        yield from _lines(before, seen)
        yield f"\n{how}\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}: {error if isinstance(error, OURS) else WITHHELD}\n"
    if isinstance(error, BaseExceptionGroup):
        for one in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _lines(one, seen)
