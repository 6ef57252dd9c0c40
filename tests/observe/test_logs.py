"""Log lines carry what is needed to find a turn, and nothing that must stay private."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker.observe.build import build_info
from worker.observe.logs import QUIET_LOGGERS, LogRules, Logs
from worker.observe.redaction import redact_url
from worker.observe.turn_line import TurnFacts, hashed

CANARY = "hunter2"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FACTS = TurnFacts(
    'al"ice', "support", "r-1", "execute", "3-ab", 1, 7, "triage", "completed", "", 0.5, 0.01234567, traceparent=""
)


@pytest.fixture(autouse=True)
def logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET_LOGGERS}
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def logged(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def set_up(**options: object) -> tuple[Logs, io.StringIO]:
    stream = io.StringIO()
    logs = Logs(LogRules(**options), stream)  # pyright: ignore[reportArgumentType]
    logs.set_up(worker_id="w-1")
    return logs, stream


def test_a_finished_turn_is_one_line_with_everything_to_find_it_by() -> None:
    logs, stream = set_up()
    logs.turn_line()(FACTS._replace(traceparent=f"00-{TRACE}-{SPAN}-01", error="agent_error"))
    (line,) = logged(stream)
    assert line.pop("ts")
    assert line == {
        "level": "info",
        "service": "swarmline",
        "version": build_info()["version"],
        "worker_id": "w-1",
        "event": "turn_finished",
        "client_id": 'al"ice',
        "swarm_name": "support",
        "request_id": "r-1",
        "kind": "execute",
        "fence": "3-ab",
        "attempt": 1,
        "turn": 7,
        "agent_name": "triage",
        "outcome": "completed",
        "wait_s": 0.5,
        "duration_s": 0.012346,
        "error": "agent_error",
        "trace_id": TRACE,
        "span_id": SPAN,
    }


@pytest.mark.parametrize("options", [{"turns": False}, {"level": "WARNING"}])
def test_turns_are_not_logged_when_nobody_asked(options: dict[str, object]) -> None:
    logs, stream = set_up(**options)
    logs.turn_line()(FACTS)
    assert stream.getvalue() == ""


def test_the_console_form_shows_the_same_turn_to_people() -> None:
    logs, stream = set_up(log_format="console")
    logs.turn_line()(FACTS)
    assert all(word in stream.getvalue() for word in ("turn_finished", 'al"ice', "r-1", "completed"))


def test_lines_of_other_libraries_have_our_form() -> None:
    _, stream = set_up()
    logging.getLogger("somebody").warning("look at redis://u:%s@h/0", CANARY)
    (line,) = logged(stream)
    assert (line["logger"], line["level"], line["worker_id"]) == ("somebody", "warning", "w-1")
    assert line["event"] == "look at redis://***@h/0"


def test_arq_is_quiet_about_each_job_but_not_about_trouble() -> None:
    _, stream = set_up()
    logging.getLogger("arq.worker").info("0.00s -> cron:sweep()")
    logging.getLogger("arq.worker").error("failed")
    assert [line["event"] for line in logged(stream)] == ["failed"]


def test_what_people_said_is_never_logged() -> None:
    _, stream = set_up()
    structlog.get_logger().info("turn", message=CANARY, output=CANARY, payload={"x": CANARY}, client_id="alice")
    assert CANARY not in stream.getvalue()
    assert "alice" in stream.getvalue()


def test_a_password_in_a_chained_exception_is_not_logged() -> None:
    _, stream = set_up(contents=True)
    error = RuntimeError("Redis is gone")
    error.__cause__ = OSError(f"no route to redis://:{CANARY}@h:1")
    structlog.get_logger().error("lost", error=error, exc_info=error)
    assert CANARY not in stream.getvalue()
    assert "no route to redis://***@h:1" in stream.getvalue()


def test_values_that_are_no_json_do_not_break_a_line() -> None:
    _, stream = set_up()
    structlog.get_logger().info("odd", raw=b"\xff", thing=object(), worker=float("nan"))
    assert logged(stream)[0]["event"] == "odd"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        (f"redis://u:{CANARY}@h:1/0", "redis://***@h:1/0"),
        (f"redis://:{CANARY}@h", "redis://***@h"),
        (f"redis://:a@{CANARY}@h:1/0", "redis://***@h:1/0"),
        (f"unix:///run/s?db=1&password={CANARY}", "unix:///run/s?db=1&password=***"),
        (f"rediss://{CANARY}@h and mail a@b.c", "rediss://***@h and mail a@b.c"),
    ],
)
def test_addresses_are_shown_without_credentials(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_text_that_is_no_utf8_does_not_break_a_line() -> None:
    _, stream = set_up(log_format="json")
    structlog.get_logger().info("crashed", error="\ud800")
    assert [line["event"] for line in logged(stream)] == ["crashed"]


@pytest.mark.parametrize("name", ["openai", "httpx2", "arq"])
def test_clients_of_models_write_no_line_for_each_request_at_any_level(name: str) -> None:
    _, stream = set_up(level="DEBUG")
    logging.getLogger(name).info("HTTP Request: POST /v1/chat/completions %s", CANARY)
    logging.getLogger(f"{name}._base_client").debug(CANARY)
    assert logged(stream) == []


def test_the_line_of_a_turn_is_as_compact_as_all_others() -> None:
    logs, stream = set_up()
    logs.turn_line()(FACTS)
    assert '": ' not in stream.getvalue()


@pytest.mark.parametrize("traceparent", ["", "rubbish", f'00-{TRACE}-{SPAN}-01","admin":"true'])
def test_a_trace_that_is_none_leaves_no_mark_in_the_line(traceparent: str) -> None:
    logs, stream = set_up()
    logs.turn_line()(FACTS._replace(traceparent=traceparent))
    assert not {"trace_id", "admin"} & set(logged(stream)[0])


def test_clients_can_be_kept_out_of_the_log() -> None:
    logs, stream = set_up(client_ids=False)
    logs.turn_line()(FACTS)
    structlog.get_logger().warning("commit_refused", sid='support:al"ice', client_id='al"ice')
    turn, other = logged(stream)
    assert turn["client_id"] == other["client_id"] == hashed('al"ice')
    assert other["sid"] == "support:" + hashed('al"ice')
    assert "ice" not in stream.getvalue().replace("service", "")


def test_a_module_can_have_a_level_of_its_own_and_so_can_another_library() -> None:
    levels = {"worker.lane": "DEBUG", "worker.lane.intake": "ERROR", "of.another": "ERROR"}
    logs, stream = set_up(level="WARNING", levels=levels)
    for module in ("worker.lane", "worker.lane.slots", "worker.lane.intake", "worker.store", "worker.lanes"):
        structlog.get_logger(module).debug("low", module=module)
        structlog.get_logger(module).warning("high", module=module)
    logging.getLogger("of.another").warning("other")
    logs.turn_line()(FACTS)
    seen = [(line["event"], line["module"]) for line in logged(stream)]
    assert seen == [
        ("low", "worker.lane"),
        ("high", "worker.lane"),
        ("low", "worker.lane.slots"),
        ("high", "worker.lane.slots"),
        ("high", "worker.store"),
        ("high", "worker.lanes"),
    ]
