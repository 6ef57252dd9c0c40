"""Dockerfile, compose file and units, read by their parsers and held against what Swarmline does."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from tests.helpers.processes import ROOT
from tests.operations.prometheus import needs_prometheus, promtool
from worker.cli.app import app
from worker.cli.load import load_app
from worker.settings import Settings

DEPLOY = ROOT / "deploy"
VERBS = {command.name for command in app.registered_commands}
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DRAIN_S = Settings.model_fields["shutdown_grace_s"].default + Settings.model_fields["hard_stop_s"].default


def instructions() -> list[tuple[str, str]]:
    """Return the last stage of the Dockerfile, as (instruction, value)."""
    parser = DockerfileParser(path=str(DEPLOY / "Dockerfile"), cache_content=True)
    found = [(step["instruction"], step["value"]) for step in parser.structure]
    stages = [index for index, (name, _) in enumerate(found) if name == "FROM"]
    assert len(stages) == 2, "wheels are made in a stage of their own"
    assert all("slim" in found[index][1] for index in stages)
    return found[stages[-1] :]


def test_the_image_runs_as_nobody_special_and_gets_its_signals() -> None:
    last = dict(instructions())
    assert last["USER"] == "10001"
    assert json.loads(last["ENTRYPOINT"]) == ["swarmline"], "exec form: a shell would keep SIGTERM to itself"
    assert json.loads(last["HEALTHCHECK"].split("CMD ")[1]) == ["swarmline", "check"]
    verb, _, application = json.loads(last["CMD"])
    assert verb in VERBS
    assert load_app(application)


def test_the_image_is_made_of_wheels_alone() -> None:
    (install,) = [value for name, value in instructions() if name == "RUN"]
    assert "--no-index" in install
    assert "from=wheels" in install
    assert not [value for name, value in instructions() if name in {"COPY", "ADD"}]


def test_what_the_image_is_built_of_exists() -> None:
    parser = DockerfileParser(path=str(DEPLOY / "Dockerfile"), cache_content=True)
    copied = [step["value"].split()[:-1] for step in parser.structure if step["instruction"] == "COPY"]
    assert all((ROOT / source).exists() for sources in copied for source in sources)


def test_compose_keeps_what_was_accepted() -> None:
    command = COMPOSE["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert COMPOSE["services"]["redis"]["volumes"] == ["redis:/data"]


def test_compose_gives_workers_time_to_drain_and_starts_real_verbs() -> None:
    services = COMPOSE["services"]
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) >= DRAIN_S + 5
    assert services["exporter"]["command"][0] in VERBS
    names = [name for service in ("worker", "exporter") for name in services[service]["environment"]]
    assert {name.removeprefix("SWARMLINE_").lower() for name in names} <= set(Settings.model_fields)


def test_compose_names_nothing_that_is_not_there() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", [])) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), volume
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "for this machine alone"


@needs_prometheus
def test_prometheus_understands_its_configuration() -> None:
    checked = promtool("check", "config", "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.stem)
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_a_unit_is_understood_by_systemd(path: Path, tmp_path: Path) -> None:
    unit = tmp_path / path.name
    unit.write_text(path.read_text().replace("/opt/swarmline/bin/swarmline", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_unit_lets_workers_drain_and_does_not_repeat_what_is_hopeless() -> None:
    lines = (DEPLOY / "systemd" / "swarmline-worker.service").read_text().splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert int(unit["TimeoutStopSec"]) >= DRAIN_S + 5
    assert unit["KillMode"] == "mixed"
    assert unit["RestartPreventExitStatus"].split() == ["2", "78"]
    assert unit["ExecStart"].split()[1] in VERBS
