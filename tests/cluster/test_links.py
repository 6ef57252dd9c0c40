"""A connection finds the node of its slot, and an answer that another one serves it is an outage like any other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis as redis_py
import redis.asyncio as redis_asyncio

from producers import Producer
from producers import QueueUnavailable as ProducerUnavailable
from schemas.cluster import slot_of
from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from tests.helpers.cluster import SLOTS, Cluster, ClusterNode
from tests.helpers.eventually import eventually
from tests.helpers.tls import tls_server
from tests.store.stage import SID, Stage, StagedWorker, finish
from worker.embedded.process import free_port
from worker.errors import QueueUnavailable
from worker.store.link import Link
from worker.store.links import Links
from worker.store.node import nodes_of

NAMESPACE = "swarmline"


def other_than(cluster: Cluster, node: ClusterNode) -> ClusterNode:
    return next(other for other in cluster.masters if other is not node)


def shard_on(cluster: Cluster, node: ClusterNode, begin: int) -> ShardKeys:
    """Return a shard that lives on a node, and that no other test has: its number is `begin` or a little more."""
    shards = (ShardKeys(NAMESPACE, number) for number in range(begin, begin + 100))
    return next(keys for keys in shards if cluster.node_of(keys) is node)


async def until_answered(link: Link, *command: str) -> object:
    """Return the answer that comes after outages."""

    async def answer() -> list[object]:
        try:
            return [await link.command(*command)]
        except QueueUnavailable as outage:
            raise AssertionError(outage) from outage

    return (await eventually(answer))[0]


@pytest.fixture
async def staged(cluster: Cluster) -> AsyncIterator[tuple[Stage, StagedWorker]]:
    """Hand out a worker of the shard of alice, in a namespace of so many that it lives on the first node."""
    client = redis_asyncio.Redis.from_url(cluster.masters[0].server.url)
    homes = ((count, shard_of("alice", count)) for count in range(1000, 2000))
    count, shard = next(
        (count, shard)
        for count, shard in homes
        if shard > 600 and cluster.node_of(ShardKeys(NAMESPACE, shard)) is cluster.masters[0]
    )
    stage = Stage(client, cluster.url, shard)
    await stage.announce()
    yield stage, await stage.worker("w1", shards=count)
    await stage.close()
    await client.aclose()


async def test_each_shard_is_asked_where_it_lives(cluster: Cluster) -> None:
    links = Links(cluster.url, NAMESPACE)
    await links.meta.command("PING")
    shards = [shard_on(cluster, node, 200) for node in cluster.masters]
    for keys in shards:
        await links.of(keys).command("SET", keys.bell, keys.shard)
    for keys, node in zip(shards, cluster.masters, strict=True):
        assert node.client.getdel(keys.bell) == str(keys.shard)
    assert len({await links.of(keys).now_ms() > 0 and links.of(keys) for keys in shards}) == 3
    await links.close()


async def test_a_slot_that_has_moved_is_an_outage_and_then_found(cluster: Cluster) -> None:
    first = cluster.masters[0]
    keys = shard_on(cluster, first, 300)
    link = Link(cluster.url, keys.slot)
    await link.command("SET", keys.bell, "here")
    cluster.move(keys.slot, first, other_than(cluster, first))
    with pytest.raises(QueueUnavailable, match="MOVED"):
        await link.command("GET", keys.bell)
    assert await link.command("GETDEL", keys.bell) == b"here"
    await link.close()


async def test_a_slot_that_is_just_moving_is_an_outage(cluster: Cluster) -> None:
    first = cluster.masters[0]
    keys = shard_on(cluster, first, 400)
    link = Link(cluster.url, keys.slot)
    assert await link.command("GET", keys.bell) is None
    other = other_than(cluster, first)
    first.ask("SETSLOT", keys.slot, "MIGRATING", other.node_id)
    with pytest.raises(QueueUnavailable, match="ASK"):
        await link.command("GET", keys.bell)
    with pytest.raises(QueueUnavailable, match="ASK"):
        await link.batch([("GET", keys.bell)])
    first.ask("SETSLOT", keys.slot, "STABLE")
    assert await link.command("GET", keys.bell) is None
    await link.close()


async def test_a_slot_that_nobody_serves_is_an_outage(cluster: Cluster) -> None:
    first = cluster.masters[0]
    keys = shard_on(cluster, first, 500)
    link = Link(cluster.url, keys.slot)
    for node in cluster.masters:
        node.client.config_set("cluster-require-full-coverage", "no")
        node.ask("DELSLOTS", keys.slot)
    with pytest.raises(QueueUnavailable, match="CLUSTERDOWN"):
        await link.command("GET", keys.bell)
    first.ask("ADDSLOTS", keys.slot)
    assert await until_answered(link, "GET", keys.bell) is None
    await link.close()


async def test_what_was_done_before_a_slot_moved_is_not_done_again(
    cluster: Cluster, staged: tuple[Stage, StagedWorker]
) -> None:
    stage, worker = staged
    await stage.push("r-1")
    session = await worker.claim_one()
    number = worker.next("commit")
    done = await worker.store.commit(number, [finish(session)])
    first = cluster.masters[0]
    other = other_than(cluster, first)
    cluster.move(stage.keys.slot, first, other)
    with pytest.raises(QueueUnavailable, match="MOVED"):
        await worker.store.commit(number, [finish(session)])
    assert (await worker.store.commit(number, [finish(session)])).statuses == done.statuses
    assert other.client.xlen(stage.keys.outbox(SID)) == 1
    other.client.delete(*other.client.cluster("GETKEYSINSLOT", stage.keys.slot, 1000))


async def test_a_frozen_node_leaves_time_to_ask_another_one(cluster: Cluster) -> None:
    frozen, *others = cluster.masters
    keys = shard_on(cluster, others[0], 700)
    link = Link(cluster.url, keys.slot)
    assert await link.command("GET", keys.bell) is None
    await link.close()
    for node in others:
        nodes_of(cluster.url).doubt(("127.0.0.1", node.server.port))
    frozen.server.pause()
    try:
        assert await link.command("GET", keys.bell) is None
    finally:
        frozen.server.resume()
    await link.close()


async def test_user_and_password_of_the_address_count_at_every_node(cluster: Cluster) -> None:
    for node in cluster.masters:
        node.client.acl_setuser(
            "guest", enabled=True, passwords=["+pw"], keys=["*"], commands=["+get", "+cluster|slots"]
        )
    links = Links(cluster.url.replace("://", "://guest:pw@"), NAMESPACE)
    for node in cluster.masters:
        keys = shard_on(cluster, node, 600)
        assert await links.of(keys).command("GET", keys.bell) is None
    await links.close()


async def test_a_user_who_may_not_ask_for_the_nodes_is_told_so(cluster: Cluster) -> None:
    for node in cluster.masters:
        node.client.acl_setuser("blind", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-cluster"])
    url = cluster.url.replace("://", "://blind:pw@")
    link = Link(url, slot_of("key"))
    with pytest.raises(QueueUnavailable, match=r"needs \+cluster\|slots"):
        await link.command("GET", "key")
    await link.close()
    with pytest.raises(ProducerUnavailable, match=r"needs \+cluster\|slots"):
        await Producer(url, connect_timeout_s=30).open()


async def test_the_nodes_are_reached_over_tls(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "500")
    options += ("--tls-cluster", "yes", "--cluster-announce-hostname", "localhost")
    options += ("--cluster-preferred-endpoint-type", "hostname")
    with tls_server(tmp_path, options=options) as server, redis_py.Redis.from_url(server.server.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        link = Link(server.url(), slot_of("key"))
        assert await until_answered(link, "GET", "key") is None
        await link.close()
