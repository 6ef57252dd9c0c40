"""The probes answer over real sockets, whatever the event loop does."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.eventually import eventually_sync
from tests.observe.scraping import registry_of
from worker.errors import ConfigurationError
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.server import MetricsServer, Pages

VERSION = {"version": "1.2", "protocol": "1"}


@pytest.fixture
def health() -> Health:
    return Health(stall_s=0.3)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(health: Health, metrics: Metrics) -> Iterator[MetricsServer]:
    with MetricsServer(Pages(health, registry_of(metrics), VERSION), host="127.0.0.1", port=0) as server:
        yield server


def get(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, str]:
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_scrape_shows_the_worker_and_its_process(server: MetricsServer, metrics: Metrics) -> None:
    metrics.turns_finished("support", "completed", [(0.1, 0.2)])
    status, text = get(server, "/metrics")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert status == 200
    assert {"swarmline_requests_completed", "swarmline_build_info", "process_cpu_seconds"} <= names


def test_probes_answer_with_a_status_and_a_reason(server: MetricsServer, health: Health) -> None:
    assert get(server, "/startupz") == (503, "not yet registered\n")
    assert get(server, "/readyz") == (503, "not yet registered\n")
    health.has_registered()
    health.redis_answered()
    health.beat()
    health.claim_cycle()
    assert get(server, "/startupz") == (200, "ok\n")
    assert get(server, "/readyz?verbose") == (200, "ok\n")
    assert get(server, "/livez") == (200, "ok\n")


def test_the_version_is_json(server: MetricsServer) -> None:
    status, text = get(server, "/version")
    assert (status, json.loads(text)) == (200, VERSION)


def test_other_paths_and_methods_are_refused(server: MetricsServer) -> None:
    assert get(server, "/")[0] == 404
    assert get(server, "/livez/../metrics")[0] == 404
    assert get(server, "/metrics", "POST")[0] == 501
    assert get(server, "/version", "HEAD") == (200, "")


def test_probes_answer_while_the_event_loop_is_wedged(server: MetricsServer) -> None:
    unblock, blocked = threading.Event(), threading.Event()

    async def wedged() -> None:
        blocked.set()
        unblock.wait(timeout=30)

    loop = threading.Thread(target=asyncio.run, args=(wedged(),))
    loop.start()
    try:
        blocked.wait()
        eventually_sync(lambda: get(server, "/livez")[0] == 503)
        assert "event loop is blocked" in get(server, "/livez")[1]
        assert get(server, "/metrics")[0] == 200
    finally:
        unblock.set()
        loop.join()


def test_a_busy_port_is_a_fault_of_the_configuration_that_says_what_to_do(server: MetricsServer) -> None:
    port = urlsplit(server.url).port or 0
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port} .*--metrics-port"):
        MetricsServer(Pages(Health(), registry_of(Metrics()), VERSION), host="127.0.0.1", port=port)


def test_a_closed_server_gives_its_port_back(health: Health, metrics: Metrics) -> None:
    pages = Pages(health, registry_of(metrics), VERSION)
    with MetricsServer(pages, host="127.0.0.1", port=0) as first:
        port = urlsplit(first.url).port or 0
    with MetricsServer(pages, host="127.0.0.1", port=port) as second:
        assert get(second, "/version")[0] == 200


def test_a_client_that_never_speaks_does_not_keep_others_waiting(server: MetricsServer) -> None:
    silent = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    silent.connect()
    try:
        assert get(server, "/version")[0] == 200
    finally:
        silent.close()


def test_what_is_no_worker_has_no_probes(metrics: Metrics) -> None:
    with MetricsServer(Pages(None, registry_of(metrics), VERSION), host="127.0.0.1", port=0) as server:
        assert get(server, "/metrics")[0] == 200
        assert get(server, "/livez")[0] == 404
