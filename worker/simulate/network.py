"""A network of its own for some workers, so that it can be cut in the middle: packets vanish, nobody is told."""

import os
import shutil
import subprocess
from contextlib import suppress
from typing import Self

from worker.errors import SwarmlineError

COMMAND = "ip"


class NoNetworkError(SwarmlineError):
    """This machine gives us no network namespace; the message says why."""


class Network:
    """A network namespace, joined to this one by a pair of virtual interfaces."""

    def __init__(self) -> None:
        """Choose names by our process id; `open` makes them."""
        pid = os.getpid()
        self.name = f"swarmline-{pid}"
        self._here, self._there = f"sl{pid}a", f"sl{pid}b"
        subnet = f"10.213.{pid % 250}"
        #: our end of the line, where a proxy can listen
        self.address = f"{subnet}.1"
        self._address_there = f"{subnet}.2"

    @property
    def prefix(self) -> tuple[str, ...]:
        """Return what starts a command inside."""
        return (COMMAND, "netns", "exec", self.name)

    def open(self) -> Self:
        """Make the namespace and the line to it; raises NoNetworkError."""
        if shutil.which(COMMAND) is None:
            raise NoNetworkError(f"there is no program {COMMAND!r} (Debian: apt-get install iproute2)")
        try:
            _ip("netns", "add", self.name)
            _ip("link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self.name)
            _ip("address", "add", f"{self.address}/30", "dev", self._here)
            _ip("link", "set", self._here, "up")
            _ip("-n", self.name, "address", "add", f"{self._address_there}/30", "dev", self._there)
            _ip("-n", self.name, "link", "set", self._there, "up")
            _ip("-n", self.name, "link", "set", "lo", "up")
        except NoNetworkError:
            self.close()
            raise
        return self

    def cut(self) -> None:
        """Take the line down."""
        _ip("link", "set", self._here, "down")

    def mend(self) -> None:
        """Take the line up again; harmless when it is up."""
        _ip("link", "set", self._here, "up")

    def close(self) -> None:
        """Remove everything; twice is harmless."""
        with suppress(NoNetworkError):
            _ip("netns", "delete", self.name)  # takes the pair of interfaces with it


def _ip(*arguments: str) -> None:
    done = subprocess.run((COMMAND, *arguments), capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise NoNetworkError(f"{COMMAND} {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
