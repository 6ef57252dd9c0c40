"""Ask a server the few things that a supervisor must know, over a plain socket and without a client library."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

TIMEOUT_S = 1.0
VERSION = re.compile(rb"redis_version:(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a unix socket, or a loopback port with a password."""

    socket_path: Path | None = None
    port: int = 0
    password: str = ""

    @property
    def url(self) -> str:
        """Return the address as redis-py takes it."""
        if self.socket_path is not None:
            return f"unix://{quote(str(self.socket_path))}"
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}"


def is_answering(address: Address) -> bool:
    """Tell whether the server replies to PING; False also while it loads its data."""
    try:
        return _ask(address, b"PING").startswith(b"+PONG")
    except OSError:
        return False


def version_of(address: Address) -> tuple[int, int]:
    """Return (major, minor) of the Redis version that the server is compatible with; (0, 0) if it does not say."""
    found = VERSION.search(_ask(address, b"INFO server", until=b"\r\nexecutable:"))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _ask(address: Address, command: bytes, *, until: bytes = b"\r\n") -> bytes:
    with _connect(address) as connection:
        if address.password:
            connection.sendall(b"AUTH " + address.password.encode() + b"\r\n")
            _read(connection, b"\r\n")
        connection.sendall(command + b"\r\n")
        return _read(connection, until)


def _connect(address: Address) -> socket.socket:
    if address.socket_path is None:
        return socket.create_connection(("127.0.0.1", address.port), timeout=TIMEOUT_S)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_S)
    try:
        connection.connect(str(address.socket_path))
    except OSError:
        connection.close()
        raise
    return connection


def _read(connection: socket.socket, until: bytes) -> bytes:
    answer = b""
    while until not in answer and not answer.startswith(b"-"):
        chunk = connection.recv(4096)
        if not chunk:
            break
        answer += chunk
    return answer
