"""Over TLS everything works, and everything refuses a server that can't show a certificate of its own."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from producers import Producer, QueueUnavailable
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.tls import TlsServer, tls_server

APP = "worker.cli.demo_app:app"
PASSWORD = "canary-4711"

Start = Callable[..., SwarmlineProcess]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with tls_server(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def start(start_swarmline: Start) -> Start:
    def start_with(*arguments: str, url: str) -> SwarmlineProcess:
        return start_swarmline(*arguments, SWARMLINE_REDIS_URL=url)

    return start_with


def worker(start: Start, url: str) -> SwarmlineProcess:
    return start("worker", "--app", APP, "--metrics-port", "-1", url=url)


async def test_worker_producer_command_line_and_housekeeping_speak_tls(tls: TlsServer, start: Start) -> None:
    serving = worker(start, tls.url())
    await serving.ready()
    async with Producer(tls.url()) as producer:
        assert (await producer.execute("alice", "support", "Hello")).status == "completed"
        kept = await producer.send_later("alice", "support", "execute", message="Hello", defer_by=0.1)
        assert (await producer.result(kept, timeout_s=20)).status == "completed"
    sent = start("send", "alice", "support", "Where is order 42?", "--wait", url=tls.url())
    assert await sent.ended() == 0, sent.stderr
    assert "42" in sent.stdout
    asked = start("doctor", url=tls.url())
    assert await asked.ended() == 0, asked.stdout
    assert "TLS" in asked.stdout
    assert "housekeeping_stopped" not in serving.stderr


@pytest.mark.parametrize("fault", ["wrong CA", "wrong host name", "no CA"])
async def test_a_certificate_that_is_not_the_servers_own_is_refused_and_named(
    tls: TlsServer, start: Start, fault: str
) -> None:
    urls = {
        "wrong CA": tls.url(ca_file=tls.wrong_ca_file, secret=f":{PASSWORD}@"),
        "wrong host name": tls.url(host="127.0.0.1", secret=f":{PASSWORD}@"),
        "no CA": f"rediss://:{PASSWORD}@localhost:{tls.port}",
    }
    url = urls[fault]
    refused = worker(start, url)
    assert await refused.ended() == 78
    assert "certificate is not accepted" in refused.stderr
    assert "?ssl_ca_certs=FILE" in refused.stderr
    with pytest.raises(QueueUnavailable, match=r"ssl_ca_certs=FILE") as raised:
        await asyncio.wait_for(Producer(url, connect_timeout_s=20).open(), 10)
    sent = start("send", "alice", "support", "Hello", url=url)
    assert await sent.ended() == 69
    asked = start("doctor", url=url)
    assert await asked.ended() == 1
    assert "ssl_ca_certs=FILE" in asked.stdout
    everything = [str(raised.value), *(text for one in (refused, sent, asked) for text in (one.stdout, one.stderr))]
    assert not any(PASSWORD in text for text in everything)
    assert not any("Traceback" in text for text in everything)


async def test_the_scheduling_side_of_a_producer_checks_the_certificate_too(tls: TlsServer) -> None:
    from producers.scheduling import Schedule  # noqa: PLC0415 - arq is loaded only by who schedules
    from schemas.requests import RequestKind  # noqa: PLC0415
    from schemas.wire import Request  # noqa: PLC0415

    request = Request(requestId="r-1", clientId="alice", swarmName="support", kind=RequestKind.CONNECT)
    schedule = Schedule(tls.url(ca_file=tls.wrong_ca_file), "swarmline")
    with pytest.raises(QueueUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await schedule.send_later(request, defer_by=1, defer_until=None)
    await schedule.close()


async def test_housekeeping_that_does_not_trust_its_redis_is_told_of(tls: TlsServer, start_swarmline: Start) -> None:
    arq_url = tls.url(ca_file=tls.wrong_ca_file)
    environment = {"SWARMLINE_REDIS_URL": tls.url(), "SWARMLINE_ARQ_REDIS_URL": arq_url}
    serving = start_swarmline("worker", "--app", APP, "--metrics-port", "-1", **environment)
    await serving.ready()
    assert "CERTIFICATE_VERIFY_FAILED" in await eventually(lambda: serving.stderr)


async def test_a_server_that_demands_a_certificate_of_its_clients_gets_one(tmp_path: Path, start: Start) -> None:
    with tls_server(tmp_path, demand_client_certificate=True) as demanding:
        stranger = worker(start, demanding.url())
        assert await stranger.ended() in (69, 78)
        await worker(start, demanding.url(more=demanding.client_options)).ready()
        async with Producer(demanding.url(more=demanding.client_options)) as producer:
            assert (await producer.execute("alice", "support", "Hello")).status == "completed"


async def test_a_plain_client_at_a_tls_port_is_refused_with_a_reason(tls: TlsServer, start: Start) -> None:
    plain = worker(start, f"redis://localhost:{tls.port}")
    assert await plain.ended() == 69
    assert "Traceback" not in plain.stderr
    assert plain.stderr.strip()
