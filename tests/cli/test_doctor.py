"""`swarmline doctor` says what is wrong and what to do, for people and for programs."""

import json
import subprocess
import sys

import pytest

from tests.conftest import StartServer
from tests.helpers.processes import ROOT, clean_environment
from worker.embedded.process import free_port

PASSWORD = "canary-4711"


def doctor(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "worker", "doctor", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment(environment), capture_output=True, text=True, check=False, timeout=50
    )


def verdicts(*arguments: str, **environment: str) -> dict[str, str]:
    """Return subject -> verdict of a run with --json."""
    ended = doctor(*arguments, "--json", **environment)
    return {finding["subject"]: finding["verdict"] for finding in json.loads(ended.stdout)}


def test_a_sound_server_passes_and_the_table_says_what_was_looked_at(start_server: StartServer) -> None:
    server = start_server(appendonly=True)
    ended = doctor("--strict", "--redis-url", server.url)
    assert ended.returncode == 0, ended.stdout
    subjects = ["settings", "transport", "connection", "server", "eviction", "persistence", "permissions"]
    subjects += ["namespace", "clock", "housekeeping", "workers"]
    assert [line.split()[1] for line in ended.stdout.splitlines()] == subjects


def test_a_warning_fails_only_with_strict(redis_url: str) -> None:
    assert doctor("--redis-url", redis_url).returncode == 0
    strict = doctor("--redis-url", redis_url, "--strict")
    assert strict.returncode == 1
    assert "-> set appendonly to yes" in strict.stdout
    assert verdicts("--redis-url", redis_url)["persistence"] == "warn"


def test_every_wrong_setting_is_a_line_of_its_own() -> None:
    ended = doctor(SWARMLINE_SHARDS="many", SWARMLINE_LEASES="3")
    assert ended.returncode == 1
    assert [line.split()[0] for line in ended.stdout.splitlines() if "->" not in line] == ["fail", "fail"]
    assert "SWARMLINE_LEASE_S" in ended.stdout


def test_a_redis_that_is_not_there_is_a_finding_without_its_password() -> None:
    ended = doctor("--redis-url", f"redis://:{PASSWORD}@127.0.0.1:{free_port()}")
    assert ended.returncode == 1
    assert "fail  connection" in ended.stdout
    assert PASSWORD not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_password_is_a_finding(redis_url: str) -> None:
    ended = doctor("--redis-url", redis_url.replace("://", f"://somebody:{PASSWORD}@"))
    assert ended.returncode == 1
    assert "password" in ended.stdout
    assert "connection: " not in ended.stdout
    assert PASSWORD not in ended.stdout + ended.stderr


@pytest.mark.parametrize("host", ["10.1.2.3", "redis.example"])
def test_plain_text_to_another_machine_is_a_warning(host: str) -> None:
    from worker.cli.doctor import transport  # noqa: PLC0415 - the rest of this file runs the command

    finding = transport(f"redis://:{PASSWORD}@{host}:6379")
    assert finding.verdict == "warn"
    assert PASSWORD not in str(finding)
    assert transport(f"rediss://{host}:6379").verdict == "ok"
