"""The command line as a shell sees it: exit codes, standard output, standard error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.cli.shell import run
from tests.helpers.processes import ROOT, clean_environment
from worker.cli.app import app
from worker.settings import Settings

CANARY = "hunter2"
NOBODY = f"redis://:{CANARY}@127.0.0.1:1"


def test_help_names_every_verb() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for verb in ("demo", "worker", "send", "tail", "check", "bench", "version", "config"):
        assert f" {verb} " in shown.stdout


def options_of_verbs(command: Any, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Yield each verb of the command line with its options; a verb may have verbs below it."""
    if not isinstance(command, TyperGroup):
        yield name, {option for parameter in command.params for option in parameter.opts}
        return
    for word, below in command.commands.items():
        yield from options_of_verbs(below, f"{name} {word}".strip())


def test_every_verb_that_prints_data_takes_json() -> None:
    lacking = {name for name, options in options_of_verbs(get_command(app)) if "--json" not in options}
    assert lacking == {"demo", "worker", "exporter", "top", "config reference"}


def test_an_unknown_verb_is_a_usage_error() -> None:
    assert run("wroker").returncode == 2
    assert run("worker").returncode == 2
    assert run("worker", "--app", "x:y", "--processes", "0").returncode == 2


def test_version_is_for_people_and_for_programs() -> None:
    assert run("version").stdout.startswith("swarmline ")
    assert json.loads(run("version", "--json").stdout)["protocol"] == "1"


def test_wrong_settings_are_named_all_at_once_with_78() -> None:
    ended = run("worker", "--app", "shop:app", "--lease-s", "-1", SWARMLINE_SHARDS="0", SWARMLINE_SHARD="1")
    assert ended.returncode == 78
    assert ended.stdout == ""
    for name in ("--lease-s", "SWARMLINE_SHARDS", "SWARMLINE_SHARD: no such setting"):
        assert name in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("worker", "--app", "shop:app"),
        ("demo", "--app", "shop:app"),
        ("send", "alice", "support", "hi", "--timeout-s", "0.5"),
        ("sessions", "ls"),
    ],
)
def test_no_redis_at_the_start_is_69_and_shows_no_password(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_shop(tmp_path)
    ended = run(*arguments, cwd=tmp_path, SWARMLINE_REDIS_URL=NOBODY, SWARMLINE_METRICS_PORT="0")
    assert ended.returncode == 69, ended.stderr
    assert "`swarmline doctor` says more" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert CANARY not in ended.stderr + ended.stdout


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_worker_starts_without_standard_input_output_or_error(tmp_path: Path, closed: str) -> None:
    write_shop(tmp_path)
    command = f'"$@" {closed}'
    worker = [sys.executable, "-m", "worker", "worker", "--app", "shop:app", "--redis-url", NOBODY]
    environment = clean_environment({"SWARMLINE_METRICS_PORT": "0"})
    ended = subprocess.run(["sh", "-c", command, "sh", *worker], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 69


def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    command = [sys.executable, "-m", "worker", "version"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=clean_environment(), check=False
        )
    assert ended.returncode != 0
    assert ended.stderr.startswith("swarmline: [Errno 28]")
    assert "Traceback" not in ended.stderr


def test_a_place_that_can_not_take_what_is_to_be_kept_is_refused_before_anything_runs(tmp_path: Path) -> None:
    ended = run("simulate", "--keep", str(tmp_path))
    assert ended.returncode == 2
    assert "--keep" in ended.stderr


def test_a_bad_client_id_is_a_usage_error(redis_url: str) -> None:
    ended = run("send", "al*ce", "support", "hi", SWARMLINE_REDIS_URL=redis_url)
    assert ended.returncode == 2
    assert "client_id" in ended.stderr


def test_config_show_says_where_each_value_comes_from_and_masks_passwords() -> None:
    shown = run("config", "show", "--json", REDIS_URL=NOBODY, SWARMLINE_SHARDS="4")
    values = json.loads(shown.stdout)
    assert values["shards"] == {"value": 4, "source": "SWARMLINE_SHARDS"}
    assert values["redis_url"] == {"value": "redis://***@127.0.0.1:1", "source": "REDIS_URL"}
    assert values["namespace"]["source"] == "default"
    assert CANARY not in run("config", "show", REDIS_URL=NOBODY).stdout


def test_the_page_of_settings_is_current() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert run("config", "reference").stdout == page, "swarmline config reference > docs/settings.md"
    assert all(f"`SWARMLINE_{name.upper()}`" in page for name in Settings.model_fields)


def write_shop(directory: Path, tail: str = "") -> None:
    text = """from worker import Agent, App, Swarm
from worker.completions import EchoCompletion
agent = Agent("echo", prompt="", completion=EchoCompletion())
app = App(swarms=[Swarm("support", agents=[agent], default_agent="echo")])
"""
    (directory / "shop.py").write_text(text + tail)


@pytest.mark.parametrize(
    ("reference", "tail", "expected"),
    [
        ("shop", "", "MODULE:ATTR"),
        ("shop/shop:app", "", "MODULE:ATTR"),
        ("shup:app", "", "there is no module shup"),
        ("shop:application", "", "application does not exist; it has shop:app"),
        ("shop:agent", "", "agent is a Agent, not an App"),
        ("shop:app", "app = None", "app is a NoneType, not an App"),
        ("shop:app", "1 / 0", "ZeroDivisionError"),
        ("shop:app", "1 /", "shop.py:5)"),
        ("shop:app", "raise SystemExit(3)", "SystemExit: 3"),
        ("shop:app", "import nothing_like_this", "nothing_like_this"),
        ("shop:app", "App(swarms=[Swarm('x', agents=[agent], default_agent='nobody')])", "nobody"),
    ],
)
def test_an_application_that_can_not_be_served_is_78_and_says_why(
    tmp_path: Path, reference: str, tail: str, expected: str
) -> None:
    write_shop(tmp_path, tail)
    ended = run("worker", "--app", reference, cwd=tmp_path, SWARMLINE_REDIS_URL=NOBODY)
    assert ended.returncode == 78, ended.stderr
    assert expected in ended.stderr
    assert "Traceback" not in ended.stderr
