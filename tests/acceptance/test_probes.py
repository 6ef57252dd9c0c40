"""What an operator sees of a worker: /metrics, /livez and /readyz, on the loopback address alone."""

import asyncio
import json
import re
import signal
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import PATIENCE_S, Wire
from tests.helpers.eventually import eventually

SAMPLE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)")


class Pages:
    """The pages of one worker."""

    def __init__(self, metrics_url: str) -> None:
        self._address = urlsplit(metrics_url)

    @property
    def host(self) -> str | None:
        return self._address.hostname

    async def get(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(self._get, path)

    def _get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    async def value(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        _, page = await self.get("/metrics")
        samples = [SAMPLE.fullmatch(line) for line in page.splitlines() if not line.startswith("#")]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(sample["value"])
            for sample in samples
            if sample and sample["name"] == name and all(label in (sample["labels"] or "") for label in wanted)
        )


async def test_what_was_done_is_counted(own_wire: Wire, start_worker: StartWorker) -> None:
    pages = Pages((await start_worker("--metrics-port", "0").ready())["metrics"])
    assert pages.host == "127.0.0.1"
    await own_wire.ask("alice", "guarded", "Hello")
    await own_wire.ask("alice", "guarded", "Hello", deadlineMs=1)
    await own_wire.ask("alice", "guarded", "you stupid machine")
    await own_wire.ask("alice", "guarded", "fail")
    await own_wire.ask("alice", "nobody", "Hello")
    await own_wire.do("alice", "guarded", "emit", {"message": "the secret is 42"})
    duplicate = await own_wire.ask("bob", "echo", "Hello")
    await own_wire.say("bob", "echo", "Hello", requestId=duplicate["requestId"])
    await own_wire.do("bob", "echo", "notify", {"message": "see you"})
    await own_wire.do("bob", "echo", "dispose")

    async def all_is_counted() -> bool:
        for outcome, count in (("completed", 1), ("refused", 2), ("expired", 1), ("failed", 1)):
            done = await pages.value("swarmline_requests_completed_total", swarm="guarded", outcome=outcome)
            assert done == count, outcome
        assert await pages.value("swarmline_sessions_opened_total") == 2
        assert await pages.value("swarmline_sessions_disposed_total") == 1
        assert await pages.value("swarmline_requests_deduplicated_total") == 1
        assert await pages.value("swarmline_requests_dead_total", reason="unknown_swarm") == 1
        assert await pages.value("swarmline_policy_rejections_total", policy="polite", direction="input") == 1
        assert await pages.value("swarmline_policy_rejections_total", policy="discreet", direction="output") == 1
        assert await pages.value("swarmline_queue_wait_seconds_count") >= 5
        assert await pages.value("swarmline_request_duration_seconds_count") >= 5
        return True

    await eventually(all_is_counted, within_s=PATIENCE_S)
    _, page = await pages.get("/metrics")
    assert "alice" not in page
    assert "bob" not in page


async def test_events_of_a_disposal_that_nobody_asked_for_are_counted_too(
    own_wire: Wire, start_worker: StartWorker
) -> None:
    pages = Pages((await start_worker("--metrics-port", "0", "--housekeeping").ready())["metrics"])
    await own_wire.ask("alice", "brief", "Hello")

    async def is_disposed() -> bool:
        return await own_wire.keys_of("alice") == []

    await eventually(is_disposed, within_s=PATIENCE_S)
    entries = await own_wire.redis.xrange(own_wire.name("events"))
    kept = [event["type"] for _, fields in entries for event in json.loads(fields[b"data"])]
    assert kept[-1] == "dispose"

    async def as_many_are_counted() -> bool:
        return await pages.value("swarmline_events_published_total", channel="bus") == len(kept)

    await eventually(as_many_are_counted, within_s=PATIENCE_S)


async def test_slots_in_use_are_shown(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    pages = Pages((await start_worker("--metrics-port", "0", "--slots", "3").ready())["metrics"])
    running = await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    assert await pages.value("swarmline_slots", state="used") == 1
    assert await pages.value("swarmline_slots", state="available") == 2
    backstage.open(door)
    await own_wire.reply_of(running)

    async def all_are_free() -> bool:
        return await pages.value("swarmline_slots", state="used") == 0

    await eventually(all_are_free, within_s=PATIENCE_S)


async def test_a_worker_that_serves_is_alive_and_ready(start_worker: StartWorker) -> None:
    pages = Pages((await start_worker("--metrics-port", "0").ready())["metrics"])
    assert (await pages.get("/livez"))[0] == 200
    assert (await pages.get("/readyz"))[0] == 200
    assert (await pages.get("/secrets"))[0] == 404


async def test_a_worker_that_drains_is_alive_but_not_ready(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    worker = start_worker("--metrics-port", "0")
    pages = Pages((await worker.ready())["metrics"])
    await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    worker.send_signal(signal.SIGTERM)

    async def is_not_ready() -> bool:
        return (await pages.get("/readyz"))[0] == 503

    await eventually(is_not_ready, within_s=PATIENCE_S)
    assert (await pages.get("/livez"))[0] == 200
    backstage.open(door)
    assert await worker.ended() == 0
