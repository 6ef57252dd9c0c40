"""Log lines on standard error: structured, redacted, and one canonical line for each finished turn."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import structlog
from pydantic_core import to_json
from structlog.typing import EventDict, Processor, WrappedLogger

from worker.clock import wall
from worker.observe.redaction import redact_fields
from worker.observe.tracebacks import first_line_of_asyncio, without_texts

#: (client_id, swarm_name, request_id, fence, outcome, duration_s)
TurnLine = Callable[[str, str, str, str, str, float], None]

#: arq reports each run of each cron job at INFO: with N workers that is several lines a second about nothing. Clients
#: of models report each request; at DEBUG they would write down what people said.
QUIET_LOGGERS = ("arq", "asyncio", "openai", "anthropic", "httpx", "httpx2", "httpcore", "httpcore2")


class Logs:
    """Where the log lines of this process go, in which form and from which level on."""

    def __init__(
        self,
        *,
        level: str = "INFO",
        log_format: str = "auto",
        stream: TextIO | None = None,
        turns: bool = True,
        contents: bool = False,
    ) -> None:
        """Take a level name, the form (auto, json or console) and a stream, by default standard error.

        `contents` lets through what may repeat conversations: texts of exceptions, and other libraries' DEBUG lines.
        """
        self._stream = stream or sys.stderr
        self._level = logging.getLevelNamesMapping()[level]
        self._json = log_format == "json" or (log_format == "auto" and not self._stream.isatty())
        self._turns = turns and self._level <= logging.INFO
        self._contents = contents
        self._fields: dict[str, object] = {}

    def set_up(self, **fields: object) -> None:
        """Configure structlog and the standard library's logging; `fields` go into each line, e.g. worker_id."""
        self._fields = fields
        structlog.configure(
            processors=[*self._shared(), self._renderer()],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
            logger_factory=structlog.WriteLoggerFactory(self._stream),
            cache_logger_on_first_use=False,  # a second set_up, with the worker id, must reach every logger
        )
        others = self._level if self._contents else max(self._level, logging.INFO)
        logging.basicConfig(level=others, handlers=[self._bridge()], force=True)
        for name in QUIET_LOGGERS:
            logging.getLogger(name).setLevel(max(self._level, logging.WARNING))

    def turn_line(self) -> TurnLine:
        """Return the function that writes the canonical line of a turn; call it after `set_up`.

        It is called once for each turn, so in JSON it goes around structlog: 2 µs instead of 6.
        """
        if not self._turns:
            return _no_line
        return _json_turns(self._stream, self._fields) if self._json else _console_turns()

    def _shared(self) -> list[Processor]:
        faults = [structlog.processors.format_exc_info] if self._contents else [first_line_of_asyncio, without_texts]
        return [structlog.processors.add_log_level, self._add_fields, *faults, _redact]

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
        return {"ts": wall() if self._json else f"{wall().astimezone():%H:%M:%S}", **self._fields, **event}


def _redact(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    redact_fields(event)
    return event


def _render_json(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    try:
        return to_json(event, fallback=repr, bytes_mode="base64").decode()
    except ValueError:
        # A lone surrogate in the text of an exception: a log line must never end what it tells about.
        return json.dumps(event, default=repr)


def _json_turns(stream: TextIO, fields: Mapping[str, object]) -> TurnLine:
    head = {"level": "info", **fields, "event": "turn_finished"}

    def write(client_id: str, swarm_name: str, request_id: str, fence: str, outcome: str, duration_s: float) -> None:
        line = to_json(
            {
                "ts": wall(),
                **head,
                "client_id": client_id,
                "swarm_name": swarm_name,
                "request_id": request_id,
                "fence": fence,
                "outcome": outcome,
                "duration_s": round(duration_s, 6),
            }
        )
        try:
            stream.write(line.decode() + "\n")
            stream.flush()
        except OSError:
            pass  # who reads our log is gone; the turn is not to blame

    return write


def _console_turns() -> TurnLine:
    log = structlog.get_logger()

    def write(client_id: str, swarm_name: str, request_id: str, fence: str, outcome: str, duration_s: float) -> None:
        log.info(
            "turn_finished",
            client_id=client_id,
            swarm_name=swarm_name,
            request_id=request_id,
            fence=fence,
            outcome=outcome,
            duration_s=round(duration_s, 6),
        )

    return write


def _no_line(
    _client_id: str, _swarm_name: str, _request_id: str, _fence: str, _outcome: str, _duration_s: float
) -> None:
    """Write nothing: turns are not logged."""
