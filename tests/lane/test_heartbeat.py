"""A lease is renewed again soon after an outage, however long a lease is."""

from collections import Counter

from schemas.keyspace import ShardKeys
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from worker.lane.heartbeat import Heartbeat, HeartbeatListener
from worker.store.renewal import RenewalLink

LEASE_S = 3600.0


async def test_after_an_outage_nobody_waits_for_a_quarter_of_a_lease(start_server: StartServer) -> None:
    server = start_server()
    seen = Counter[str]()
    listener = HeartbeatListener(
        renewed=lambda *_: seen.update(["renewed"]),
        lost=lambda _: None,
        failed=lambda *_: seen.update(["failed"]),
        beat=lambda _: None,
    )
    server.kill()
    heartbeat = Heartbeat([RenewalLink(server.url, ShardKeys("swarmline", 0), "w1", LEASE_S)], LEASE_S, 60, listener)
    heartbeat.start()
    await eventually(lambda: seen["failed"] > 1, within_s=20)
    server.start()
    await eventually(lambda: seen["renewed"] > 0, within_s=20)
    await heartbeat.stop()
