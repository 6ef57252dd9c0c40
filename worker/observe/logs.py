"""Log lines on standard error: structured, redacted, and one canonical line for each finished turn."""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

import structlog
from pydantic_core import to_json
from structlog.typing import EventDict, Processor, WrappedLogger

from schemas.keyspace import split_sid
from worker.clock import wall
from worker.observe import turn_line
from worker.observe.build import build_info
from worker.observe.redaction import redact_fields
from worker.observe.tracebacks import first_line_of_asyncio, without_texts

#: arq reports each run of each cron job at INFO: with N workers that is several lines a second about nothing. Clients
#: of models report each request; at DEBUG they would write down what people said.
QUIET_LOGGERS = ("arq", "asyncio", "openai", "anthropic", "httpx", "httpx2", "httpcore", "httpcore2")


class NamedLogger(structlog.WriteLogger):
    """Writes whole lines, and knows which module it writes for."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        """Write to `stream` for the module `name`."""
        super().__init__(stream)
        self.name = name


class LevelOfModule:
    """Drops what is below the level of its module; a processor of structlog."""

    def __init__(self, level: int, levels: Mapping[str, str]) -> None:
        """Take the level of all, and other ones by module; each holds for all modules below it too."""
        self._level = level
        self.of = {name: logging.getLevelNamesMapping()[text] for name, text in levels.items()}
        self.lowest = min(level, *self.of.values()) if self.of else level

    def __call__(self, logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """Return the line unchanged, or drop it."""
        if self.of and self.hides(getattr(logger, "name", ""), event["level"]):
            raise structlog.DropEvent
        return event

    def hides(self, module: str, level: str) -> bool:
        """Tell whether a line of this module is too unimportant; the longest name that fits decides."""
        fitting = [name for name in self.of if module == name or module.startswith(f"{name}.")]
        limit = self.of[max(fitting, key=len)] if fitting else self._level
        return logging.getLevelNamesMapping()[level.upper()] < limit


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRules:
    """What is logged, and how.

    `log_format` is auto, json or console. `levels` are other levels for modules and all below them. `turns`: one line
    for each turn. `contents` lets through what may repeat conversations: texts of exceptions, and other libraries'
    DEBUG lines. Without `client_ids` a hash stands for each client.
    """

    level: str = "INFO"
    levels: Mapping[str, str] | None = None
    log_format: str = "auto"
    turns: bool = True
    contents: bool = False
    client_ids: bool = True


class Logs:
    """Where the log lines of this process go, in which form and from which level on."""

    def __init__(self, rules: LogRules | None = None, stream: TextIO | None = None) -> None:
        """Write to `stream`, by default standard error."""
        self._rules = rules = rules or LogRules()
        self._stream = stream or sys.stderr
        self._level = logging.getLevelNamesMapping()[rules.level]
        self._json = rules.log_format == "json" or (rules.log_format == "auto" and not self._stream.isatty())
        self._levels = LevelOfModule(self._level, rules.levels or {})
        self._fields: dict[str, object] = {}

    def set_up(self, **fields: object) -> None:
        """Configure structlog and the standard library's logging; `fields` go into each line, e.g. worker_id."""
        # who reads JSON gathers lines of many services; who sits at a terminal knows which one it is
        self._fields = {"service": "swarmline", "version": build_info()["version"], **fields} if self._json else fields
        structlog.configure(
            processors=[*self._shared(), self._renderer()],
            wrapper_class=structlog.make_filtering_bound_logger(self._levels.lowest),
            logger_factory=lambda *names: NamedLogger(self._stream, *names),
            cache_logger_on_first_use=False,  # a second set_up, with the worker id, must reach every logger
        )
        others = self._level if self._rules.contents else max(self._level, logging.INFO)
        logging.basicConfig(level=others, handlers=[self._bridge()], force=True)
        for name in QUIET_LOGGERS:
            logging.getLogger(name).setLevel(max(self._level, logging.WARNING))
        for name, level in self._levels.of.items():
            logging.getLogger(name).setLevel(level)

    def turn_line(self) -> turn_line.TurnLine:
        """Return the function that writes the canonical line of a turn; call it after `set_up`.

        It is called once for each turn, so in JSON it goes around structlog: 2 µs instead of 6.
        """
        if not self._rules.turns or self._levels.hides(turn_line.__name__, "info"):
            return turn_line.no_line
        if self._json:
            return turn_line.json_turns(self._stream, self._fields, client_ids=self._rules.client_ids)
        return turn_line.console_turns(client_ids=self._rules.client_ids)

    def _shared(self) -> list[Processor]:
        faults = (
            [structlog.processors.format_exc_info] if self._rules.contents else [first_line_of_asyncio, without_texts]
        )
        clients = [] if self._rules.client_ids else [_hash_clients]
        return [structlog.processors.add_log_level, self._levels, self._add_fields, *faults, *clients, _redact]

    def _renderer(self) -> Processor:
        if self._json:
            return _render_json
        return structlog.dev.ConsoleRenderer(colors=self._stream.isatty(), timestamp_key="ts")

    def _bridge(self) -> logging.Handler:
        """Return a handler that renders lines of other libraries as ours."""
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[structlog.stdlib.add_logger_name, *self._shared()],
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, self._renderer()],
            )
        )
        return handler

    def _add_fields(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        if not self._json:
            return {"ts": f"{wall().astimezone():%H:%M:%S}", **self._fields, **event}
        return {"ts": wall(), **self._fields, **event}


def _redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    redact_fields(event)
    return event


def _hash_clients(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    if client_id := event.get("client_id"):
        event["client_id"] = turn_line.hashed(str(client_id))
    if sid := event.get("sid"):
        swarm_name, client_id = split_sid(str(sid))
        event["sid"] = f"{swarm_name}:{turn_line.hashed(client_id)}"
    return event


def _render_json(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    try:
        return to_json(event, fallback=repr, bytes_mode="base64").decode()
    except ValueError:
        # A lone surrogate in the text of an exception: a log line must never end what it tells about.
        return json.dumps(event, default=repr)
