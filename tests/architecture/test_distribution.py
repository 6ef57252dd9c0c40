"""What is shipped: a wheel with our packages and scripts, pins without addresses, a README whose commands exist."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT

PACKAGES = {"worker", "producers", "schemas"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return zipfile.ZipFile(next(directory.glob("*.whl")))


def test_the_wheel_has_every_lua_file(wheel: zipfile.ZipFile) -> None:
    scripts = {str(path.relative_to(ROOT)) for path in (ROOT / "worker").rglob("*.lua")}
    assert scripts
    assert scripts == {name for name in wheel.namelist() if name.endswith(".lua")}


def test_the_wheel_has_our_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    top = {Path(name).parts[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "swarmline = worker.__main__:main" in wheel.read(entry_points).decode()


def test_constraints_pin_versions_and_name_no_address() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+( ; .+)?", line)]
    assert not [line for line in lines if line.lower().startswith("swarmline")]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_makefile_has_the_promised_targets() -> None:
    assert {"help", "demo", "test", "check", "bench", "clean"} <= make_targets()


def test_every_make_command_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"(?:^|`|\$ |\| )make ([a-z][a-z-]*)", text, re.MULTILINE))
    assert named
    assert named <= make_targets()
