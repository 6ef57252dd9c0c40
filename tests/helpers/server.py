"""A private server for tests that can be stopped, killed, frozen and started again on the same address."""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Literal, Self

from worker.embedded.binary import wheel_binary
from worker.embedded.probe import Address
from worker.embedded.process import ServerProcess, free_port

Kind = Literal["redis", "valkey"]


def default_kind() -> Kind:
    """Return SWARMLINE_TEST_SERVER, or "redis" where redis-server is on PATH, else "valkey"."""
    chosen = os.environ.get("SWARMLINE_TEST_SERVER", "")
    if chosen in {"redis", "valkey"}:
        return "redis" if chosen == "redis" else "valkey"
    if chosen:
        message = f"SWARMLINE_TEST_SERVER={chosen!r}: must be redis or valkey"
        raise ValueError(message)
    return "redis" if shutil.which("redis-server") else "valkey"


def binary_of(kind: Kind) -> Path:
    """Return the server program of a kind; raises FileNotFoundError."""
    found = shutil.which("redis-server") if kind == "redis" else wheel_binary()
    if found is None:
        message = f"no {kind} server on this machine"
        raise FileNotFoundError(message)
    return Path(found)


class Server:
    """One server process of a test; use it as a context manager or call `stop`."""

    def __init__(
        self, *, kind: Kind | None = None, tcp: bool = False, appendonly: bool = False, options: tuple[str, ...] = ()
    ) -> None:
        """Start a server: on a unix socket, or with `tcp` on a random loopback port; `appendonly` keeps its data."""
        self.kind = kind or default_kind()
        self.directory = Path(tempfile.mkdtemp(prefix="sl-"))
        address = Address(port=free_port()) if tcp else Address(socket_path=self.directory / "s")
        durable = ("--appendonly", "yes", "--appendfsync", "always") if appendonly else ("--appendonly", "no")
        everything = ("--save", "", "--maxmemory-policy", "noeviction", *durable, *options)
        self._process = ServerProcess(binary_of(self.kind), self.directory, address, everything)
        self._process.start()

    @property
    def url(self) -> str:
        """Return the address as redis-py takes it."""
        return self._process.address.url

    @property
    def port(self) -> int:
        """Return the loopback port; 0 when it listens on a unix socket."""
        return self._process.address.port

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the server (SIGTERM) and delete its files."""
        self._process.kill() if self._process.is_running() else None
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self) -> None:
        """End the server with SIGKILL and keep its files."""
        self._process.kill()

    def start(self) -> None:
        """Start the server again on the same address and files."""
        self._process.start()

    def restart(self) -> None:
        """Kill the server and start it again: without `appendonly` all data is lost."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze the server with SIGSTOP: connections stay open, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server run on."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()
