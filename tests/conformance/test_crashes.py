"""A worker dies in the middle of a chain of tools: what was finished is not done again, and the client sees nothing."""

from collections import Counter
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire
from tests.conformance.chain_app import LENGTH
from tests.conformance.house import Client
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.server import Server

PARTS = [f"{part} {n}" for n in range(1, LENGTH + 1) for part in ("model", "tool", "step", "end")]
EVERYTHING = [*PARTS, f"model {LENGTH + 1}", "policy 1"]


@pytest.mark.parametrize("point", ["model 1", "model 3", "model 4", "tool 1", "tool 3", "step 2", "end 2", "policy 1"])
async def test_a_chain_goes_on_where_its_worker_died(
    point: str,
    server: Server,
    redis: Redis,
    tmp_path_factory: pytest.TempPathFactory,
    start_swarmline: Callable[..., SwarmlineProcess],
) -> None:
    backstage = Backstage(tmp_path_factory.mktemp("backstage"))
    command = ("worker", "--app", "tests.conformance.chain_app:app", "--redis-url", server.url, "--metrics-port", "-1")
    workers = [start_swarmline(*command, "--lease-s", "0.6", **backstage.environment) for _ in range(2)]
    for worker in workers:
        await worker.ready()
    client = Client(Wire(redis), "chain")
    reply = await client.ask(f"die in {point}", payload=f"die in {point}")
    assert (reply["status"], reply["output"], reply["attempts"]) == ("completed", f"all done {LENGTH}", 2)
    assert [worker.is_running() for worker in workers].count(False) == 1

    counts = Counter(backstage.page("alice"))
    begun_again = {point} | ({f"tool {point[-1]}"} if point.startswith(("step", "end")) else set())
    assert counts == {part: 2 if part in begun_again else 1 for part in EVERYTHING}
    outbox = await client.wire.outbox("alice", "chain")
    assert [item["data"] for item in outbox if item["type"] == "emit"] == ["link 1", "link 2", "link 3"]
    assert [item["type"] for item in outbox].count("reply") == 1
    trace = [event.get("type") for event in await client.events_of(reply["requestId"])]
    assert trace.count("commit-tool-output") == LENGTH
    assert (trace[0], trace[-1]) == ("commit-execution-begin", "commit-execution-end")
    assert await client.answer("again") == f"all done {LENGTH}"
