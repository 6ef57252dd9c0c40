"""Run one private server process: start it, wait until it answers, stop it, and never leave it behind."""

import atexit
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from worker.embedded.orphans import dying_with_parent
from worker.embedded.probe import Address, is_answering
from worker.errors import EXIT_UNAVAILABLE, SwarmlineError

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
POLL_EVERY_S = 0.005
LOG_TAIL_BYTES = 1000


class ServerStartError(SwarmlineError):
    """The server process ended or stayed silent instead of answering PING; the message has the end of its log."""

    exit_code = EXIT_UNAVAILABLE


class ServerProcess:
    """A server process on a private address, with its files in `directory`."""

    def __init__(self, binary: Path, directory: Path, address: Address, options: Sequence[str] = ()) -> None:
        """Prepare a server; `options` are further command line arguments such as `--appendonly yes`."""
        self.binary = binary
        self.directory = directory
        self.address = address
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id; raises RuntimeError when not started."""
        return self._running().pid

    def start(self) -> None:
        """Start the server and return when it answers PING; raises ServerStartError."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the server and return at once; call it from the thread that is to outlive it."""
        log = self._log_path.open("ab")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the program was looked up by us, not taken from input
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509 - it allocates nothing between fork and exec
            )
        finally:
            log.close()
        atexit.register(self.kill)

    def wait_until_ready(self, *, within_s: float = START_WITHIN_S) -> None:
        """Return when the server answers PING: not before it has loaded its data; raises ServerStartError."""
        deadline = time.monotonic() + within_s
        while not is_answering(self.address):
            if not self.is_running() or time.monotonic() > deadline:
                self.kill()
                message = f"{self.binary} did not start:\n{self.log_tail()}"
                raise ServerStartError(message)
            time.sleep(POLL_EVERY_S)  # noqa: TID251 - another process tells us nothing while it starts

    def stop(self) -> None:
        """End the server as SIGTERM does (an append-only file is written out) and wait for it; twice is harmless."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server with SIGKILL and wait for it; twice is harmless."""
        self._end(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the server process."""
        self._running().send_signal(number)

    def is_running(self) -> bool:
        """Tell whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self) -> str:
        """Return the end of what the server wrote to its log."""
        return self._log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    @property
    def _log_path(self) -> Path:
        return self.directory / "server.log"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            message = "the server was not started"
            raise RuntimeError(message)
        return self._process

    def _command(self) -> list[str]:
        address = self.address
        listen = ["--port", str(address.port), "--bind", "127.0.0.1", "--protected-mode", "no"]
        if address.socket_path is not None:
            listen += ["--unixsocket", str(address.socket_path), "--unixsocketperm", "700"]
        return [
            str(self.binary),
            *self._secret_config(),
            *listen,
            "--dir",
            str(self.directory),
            "--daemonize",
            "no",
            *self._options,
        ]

    def _secret_config(self) -> list[str]:
        if not self.address.password:
            return []
        # In a file, since every user of the machine can read a command line.
        path = self.directory / "secret.conf"
        path.touch(mode=0o600)
        path.write_text(f"requirepass {self.address.password}\n")
        return [str(path)]

    def _end(self, number: signal.Signals) -> None:
        atexit.unregister(self.kill)
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
