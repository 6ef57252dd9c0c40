"""An installation without the libraries of the adapters."""

import subprocess
import sys

import pytest

from tests.helpers.processes import ROOT, clean_environment

WITHOUT = "import sys; sys.modules.update(openai=None, pydantic_ai=None);"


def told(statement: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"{WITHOUT} {statement}"]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False)


def test_definitions_and_the_other_completions_need_no_extra() -> None:
    assert told("import worker; from worker.completions import EchoCompletion, RuleCompletion").returncode == 0


@pytest.mark.parametrize(
    ("name", "extra"), [("OpenAICompletion", "swarmline[openai]"), ("PydanticAICompletion", "swarmline[llm]")]
)
def test_an_adapter_names_the_extra_that_it_needs(name: str, extra: str) -> None:
    ended = told(f"from worker.completions import {name}")
    assert ended.returncode != 0
    assert f"ConfigurationError: {name} needs" in ended.stderr
    assert f"pip install '{extra}'" in ended.stderr


def test_a_name_that_does_not_exist_is_no_adapter() -> None:
    ended = told("from worker.completions import NobodysCompletion")
    assert "ImportError: cannot import name 'NobodysCompletion'" in ended.stderr


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    statement = "import sys, worker.completions; sys.exit('openai' in sys.modules or 'pydantic_ai' in sys.modules)"
    command = [sys.executable, "-c", statement]
    assert subprocess.run(command, cwd=ROOT, env=clean_environment(), check=False).returncode == 0
