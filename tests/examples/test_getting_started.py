"""docs/getting-started.md does what it says: its module, its commands and its program, in their order."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment

PAGE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^\.venv/bin/swarmline ([^#\n]+?)(?:\s+#.*)?$", PAGE, re.MULTILINE)
#: these run until somebody ends them
ENDLESS = ("worker", "tail")


def run(command: list[str], directory: Path, redis_url: str) -> str:
    environment = clean_environment({"SWARMLINE_REDIS_URL": redis_url})
    ended = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.mark.timeout(120)
async def test_the_page_can_be_followed_word_by_word(
    redis_url: str, tmp_path: Path, start_swarmline: Callable[..., SwarmlineProcess]
) -> None:
    module, program = PYTHON
    assert module.startswith("# hello.py\n")
    (tmp_path / "hello.py").write_text(module)
    assert sorted(COMMANDS[:2], reverse=True) == ["worker --app hello:app", "doctor"]
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    worker = start_swarmline(
        *shlex.split("worker --app hello:app"), "--metrics-port", "-1", "--redis-url", redis_url, **environment
    )
    await worker.ready()
    printed = [
        run([sys.executable, "-m", "worker", *shlex.split(command)], tmp_path, redis_url)
        for command in COMMANDS
        if not command.startswith(ENDLESS)
    ]
    assert any("You said: Still there?" in text for text in printed)
    said = run([sys.executable, "-c", program.replace("redis://localhost:6379", redis_url)], tmp_path, redis_url)
    expected = re.search(r"It prints `(completed[^`]+)`", PAGE)
    assert expected is not None
    assert said.strip() == expected[1]
