"""Start the real command as a process, wait until it serves, send it signals and read what it printed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.helpers.eventually import eventually
from worker.embedded.orphans import dying_with_parent

ROOT = Path(__file__).parents[2]
#: what the command must not inherit from the shell that runs the tests
FOREIGN = ("SWARMLINE_", "REDIS_URL", "OTEL_", "LOG_LEVEL", "COV_", "PYTEST_")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this environment without any setting of ours, with the project importable, plus `extra`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return own | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | dict(extra or {})


class SwarmlineProcess:
    """One run of the `swarmline` command, with its output in files below `directory`."""

    def __init__(
        self,
        *arguments: str,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        module: str = "worker",
    ) -> None:
        """Start `swarmline` with `arguments` and feed it `stdin`; `module` may stand in for the real command."""
        directory.mkdir(parents=True, exist_ok=True)
        self._out_path, self._err_path, in_path = directory / "stdout", directory / "stderr", directory / "stdin"
        in_path.write_text(stdin)
        with in_path.open("rb") as fed, self._out_path.open("wb") as out, self._err_path.open("wb") as err:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=fed,
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env=clean_environment(environment),
                preexec_fn=dying_with_parent(),
            )

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._popen.pid

    @property
    def stdout(self) -> str:
        """Return what it printed so far."""
        return self._out_path.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """Return what it logged so far."""
        return self._err_path.read_text(errors="replace")

    async def ready(self, *, within_s: float = 20) -> dict[str, str]:
        """Wait for the READY line and return its fields, such as `worker_id`; fails at once if the process ended."""
        await eventually(lambda: self._ready_line() or self._popen.poll() is not None, within_s=within_s)
        line = self._ready_line()
        assert line, f"ended with {self._popen.poll()} and no READY line:\n{self.stderr[-4000:]}"
        return dict(word.split("=", 1) for word in line.split() if "=" in word)

    async def ended(self, *, within_s: float = 20) -> int:
        """Wait until the process is gone and return its exit code (negative: the signal that ended it)."""
        await eventually(lambda: self._popen.poll() is not None, within_s=within_s)
        return self._popen.returncode

    def is_running(self) -> bool:
        """Tell whether the process exists."""
        return self._popen.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; harmless when the process is gone."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End the process with SIGKILL and wait for it; a frozen one dies as well."""
        self._popen.kill()
        self._popen.wait()

    def _ready_line(self) -> str:
        return next((line for line in self.stdout.splitlines() if line.startswith("READY")), "")
