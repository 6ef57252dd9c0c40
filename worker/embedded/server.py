"""The embedded server: a private, empty Redis-compatible server that lives exactly as long as this process wants."""

import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Self, TextIO

from worker.embedded.binary import ServerNotFoundError, candidate_binaries
from worker.embedded.probe import Address, version_of
from worker.embedded.process import ServerProcess, ServerStartError, free_port
from worker.errors import SwarmlineError

OLDEST_VERSION = (7, 0)
TRIES = 3
#: longest path of a unix socket that every kernel takes, in bytes
SOCKET_PATH_MAX = 103
IN_MEMORY = ("--save", "", "--maxmemory-policy", "noeviction")


class PersistDirectoryBusyError(SwarmlineError):
    """Another embedded server keeps its data in the same directory: two writers would destroy it."""


class EmbeddedServer:
    """A server of our own: `with EmbeddedServer() as server: connect(server.url)`.

    Start it from the main thread: on Linux the kernel ends it together with the thread that started it.
    """

    def __init__(self, *, tcp: bool = False, persist: Path | None = None) -> None:
        """Choose how: a unix socket in a private directory, or with `tcp` a loopback port behind a random password.

        Where temporary files have a path too long for a socket it is the port as well.
        Data is gone at the end, unless `persist` names a directory for an append-only file, synced every second.
        """
        self._tcp = tcp
        self._persist = persist
        self._directory: Path | None = None
        self._lock: TextIO | None = None
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start the first program that is new enough and return when it answers.

        Raises ServerNotFoundError (with the lines that install one), ServerStartError and PersistDirectoryBusyError.
        """
        if self._persist is not None:
            self._persist.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(self._persist)
        self._directory = Path(tempfile.mkdtemp(prefix="swarmline-"))
        try:
            self._process = self._first_suitable(self._directory)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its private directory; twice is harmless."""
        if self._process is not None:
            self._process.stop()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        self._process = self._directory = self._lock = None

    @property
    def url(self) -> str:
        """Return `unix://PATH` or `redis://:PASSWORD@127.0.0.1:PORT`."""
        return self._started().address.url

    @property
    def pid(self) -> int:
        """Return the process id of the server."""
        return self._started().pid

    @property
    def binary(self) -> Path:
        """Return the program that runs."""
        return self._started().binary

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()

    def _started(self) -> ServerProcess:
        if self._process is None:
            message = "the embedded server was not started"
            raise RuntimeError(message)
        return self._process

    def _first_suitable(self, directory: Path) -> ServerProcess:
        for binary in candidate_binaries():
            process = self._launched(binary, directory)
            if version_of(process.address) >= OLDEST_VERSION:
                return process
            process.stop()
        raise ServerNotFoundError

    def _launched(self, binary: Path, directory: Path) -> ServerProcess:
        for left in reversed(range(TRIES)):
            process = ServerProcess(binary, directory, self._address(directory), self._options())
            try:
                process.start()
            except ServerStartError:
                # Between our look at a free port and the server's bind, somebody else may have taken it.
                if process.address.socket_path is not None or not left:
                    raise
            else:
                return process
        raise AssertionError

    def _address(self, directory: Path) -> Address:
        socket_path = directory / "socket"
        if self._tcp or len(os.fsencode(socket_path)) > SOCKET_PATH_MAX:
            return Address(port=free_port(), password=secrets.token_urlsafe(24))
        return Address(socket_path=socket_path)

    def _options(self) -> tuple[str, ...]:
        if self._persist is None:
            return (*IN_MEMORY, "--appendonly", "no")
        return (*IN_MEMORY, "--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(self._persist.resolve()))


def _locked(directory: Path) -> TextIO:
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        message = f"{directory} is in use by another embedded server"
        raise PersistDirectoryBusyError(message) from None
    return lock
