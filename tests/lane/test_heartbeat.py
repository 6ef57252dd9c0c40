"""A lease is renewed again soon after an outage, however long a lease is, and in each shard by itself."""

from collections import Counter

from schemas.keyspace import ShardKeys
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from worker.lane.heartbeat import Heartbeat, HeartbeatListener
from worker.store.renewal import RenewalLink

LEASE_S = 3600.0


def heartbeat_on(seen: Counter[str], *urls: str) -> Heartbeat:
    """Return a heartbeat with a shard on each server; it counts what it tells of a shard."""
    listener = HeartbeatListener(
        renewed=lambda shard, *_: seen.update([f"{shard} renewed"]),
        lost=lambda _: None,
        failed=lambda shard, _: seen.update([f"{shard} failed"]),
        beat=lambda _: None,
    )
    links = [RenewalLink(url, ShardKeys("swarmline", shard), "w1", LEASE_S) for shard, url in enumerate(urls)]
    return Heartbeat(links, LEASE_S, 60, listener)


async def test_after_an_outage_nobody_waits_for_a_quarter_of_a_lease(start_server: StartServer) -> None:
    server = start_server()
    seen = Counter[str]()
    server.kill()
    heartbeat = heartbeat_on(seen, server.url)
    heartbeat.start()
    await eventually(lambda: seen["0 failed"] > 1, within_s=20)
    server.start()
    await eventually(lambda: seen["0 renewed"] > 0, within_s=20)
    await heartbeat.stop()


async def test_a_shard_that_does_not_answer_keeps_no_other_from_its_renewal(start_server: StartServer) -> None:
    silent, sound = start_server(), start_server()
    seen = Counter[str]()
    silent.pause()
    heartbeat = heartbeat_on(seen, silent.url, sound.url)
    heartbeat.start()
    await eventually(lambda: seen["1 renewed"], within_s=20)
    assert seen == {"1 renewed": 1}, "the silent one is still waited for"
    silent.resume()
    await heartbeat.stop()
