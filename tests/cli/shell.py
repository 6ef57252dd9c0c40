"""A person on call at a shell, beside a worker that serves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire
from tests.helpers.processes import ROOT, SwarmlineProcess, clean_environment
from tests.helpers.roles import Roles

Ran = subprocess.CompletedProcess[str]


class Shell:
    """A person on call, with the rights of a role."""

    def __init__(
        self, roles: Roles, wire: Wire, backstage: Backstage, worker: SwarmlineProcess, worker_id: str
    ) -> None:
        self.roles, self.wire, self.backstage = roles, wire, backstage
        self.worker, self.worker_id = worker, worker_id

    def run(self, *arguments: str, role: str = "admin") -> Ran:
        return run(*arguments, SWARMLINE_REDIS_URL=self.roles.url(role))

    def rows(self, *arguments: str, role: str = "admin") -> Any:
        ended = self.run(*arguments, "--json", role=role)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


def run(*arguments: str, cwd: Path = ROOT, **environment: str) -> Ran:
    """Run the command to its end."""
    command = [sys.executable, "-m", "worker", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=clean_environment(environment), capture_output=True, text=True, check=False, timeout=50
    )
