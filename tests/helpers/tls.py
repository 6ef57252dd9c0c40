"""A Redis that speaks TLS, with certificates made for the test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.helpers.server import Server
from worker.embedded.process import free_port


@dataclass(frozen=True, slots=True)
class TlsServer:
    """Where it listens and whom to trust."""

    server: Server
    port: int
    #: the CA of the server, one that has nothing to do with it, and a client's certificate with its key
    ca_file: Path
    wrong_ca_file: Path
    client_file: Path

    def url(self, *, host: str = "localhost", ca_file: Path | None = None, secret: str = "", more: str = "") -> str:
        """Return the address over TLS, trusting the right CA unless another file is given."""
        return f"rediss://{secret}{host}:{self.port}?ssl_ca_certs={ca_file or self.ca_file}{more}"

    @property
    def client_options(self) -> str:
        """Return what a URL needs to show the client's certificate."""
        return f"&ssl_certfile={self.client_file}&ssl_keyfile={self.client_file}"


@contextmanager
def tls_server(
    directory: Path, *, demand_client_certificate: bool = False, options: tuple[str, ...] = ()
) -> Iterator[TlsServer]:
    """Run a server with a certificate for `localhost` (and for no other name); skips where there is none with TLS."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine; the embedded Valkey is built without TLS")
    authority, stranger = trustme.CA(), trustme.CA()
    files = {name: directory / f"{name}.pem" for name in ("ca", "wrong-ca", "server", "client")}
    authority.cert_pem.write_to_path(files["ca"])
    stranger.cert_pem.write_to_path(files["wrong-ca"])
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(files["server"])
    authority.issue_cert("worker").private_key_and_cert_chain_pem.write_to_path(files["client"])
    port = free_port()
    options += ("--tls-port", str(port), "--tls-auth-clients", "yes" if demand_client_certificate else "no")
    options += ("--tls-cert-file", str(files["server"]), "--tls-key-file", str(files["server"]))
    options += ("--tls-ca-cert-file", str(files["ca"]))
    with Server(kind="redis", options=options) as server:
        yield TlsServer(server, port, files["ca"], files["wrong-ca"], files["client"])
