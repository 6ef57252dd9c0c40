"""/metrics and the probes over HTTP, from a thread of their own: they answer while the event loop is wedged."""

import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from worker.errors import ConfigurationError
from worker.observe.health import Probes, Verdict

Page = tuple[HTTPStatus, str, bytes]

TEXT = "text/plain; charset=utf-8"
#: a client that says nothing for so long is cut off, or idle connections would pile up threads
CLIENT_TIMEOUT_S = 10.0
#: how often the thread looks whether it should end: a drain waits for it
LOOK_EVERY_S = 0.1


class Pages:
    """What each path shows."""

    def __init__(self, health: Probes | None, registry: CollectorRegistry, version: Mapping[str, str]) -> None:
        """Show the registry of this worker, and the default one, which has figures of process and application.

        Without `health` there are no probes: what runs here is no worker.
        """
        self._registry = registry
        self._version = version
        self._paths: dict[str, Callable[[], Page]] = {"/metrics": self._metrics, "/version": self._about}
        if health:
            self._paths |= {
                "/livez": lambda: _verdict(health.live()),
                "/readyz": lambda: _verdict(health.ready()),
                "/startupz": lambda: _verdict(health.started()),
            }

    def page(self, path: str) -> Page:
        """Return status, content type and body of a path; the query string does not matter."""
        show = self._paths.get(path.partition("?")[0])
        return show() if show else (HTTPStatus.NOT_FOUND, TEXT, f"try {' '.join(self._paths)}\n".encode())

    def _metrics(self) -> Page:
        body = generate_latest(self._registry)
        if self._registry is not REGISTRY:
            body += generate_latest(REGISTRY)
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, body

    def _about(self) -> Page:
        return HTTPStatus.OK, "application/json", json.dumps(self._version).encode() + b"\n"


class MetricsServer:
    """An HTTP server in a daemon thread; read-only, one short-lived thread for each connection."""

    def __init__(self, pages: Pages, *, host: str, port: int) -> None:
        """Bind at once; `port` 0 takes a free one. Raises ConfigurationError if the address can't be had."""
        try:
            self._http = _Server(host, port, _handler(pages))
        except OSError as error:
            where = f"metrics: can't listen on {host}:{port} ({error.strerror or error})"
            fault = f"{where}; set another SWARMLINE_METRICS_PORT or --metrics-port, 0 for any free one, or -1 for none"
            raise ConfigurationError(fault) from error
        self._thread = Thread(target=self._http.serve_forever, args=(LOOK_EVERY_S,), daemon=True)

    @property
    def url(self) -> str:
        """Return the address, with the port that was really taken."""
        host = self._http.server_name
        return f"http://[{host}]:{self._http.server_port}" if ":" in host else f"http://{host}:{self._http.server_port}"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def __enter__(self) -> Self:
        """Serve inside the block."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # newer Pythons share the port by default: two workers would answer each other's probes
    allow_reuse_port = False

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        # not HTTPServer's: that asks DNS for our own name, which takes seconds where DNS is broken
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a scraper that hangs up is no fault of ours."""


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_S
        server_version = "swarmline"
        sys_version = ""

        def do_GET(self) -> None:
            status, kind, body = pages.page(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server calls by these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep probes out of the log: there is one each second."""

    return Handler


def _verdict(verdict: Verdict) -> Page:
    passed, reason = verdict
    return HTTPStatus.OK if passed else HTTPStatus.SERVICE_UNAVAILABLE, TEXT, f"{reason}\n".encode()
