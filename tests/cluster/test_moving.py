"""Slots move: by hand while no worker runs, or because a node died and its replica took over."""

import asyncio
import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from producers import Producer, Reply
from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from tests.acceptance.backstage import Backstage
from tests.cluster.conftest import SHARDS, StartWorker, client_of
from tests.helpers.cluster import Cluster, ClusterNode
from tests.helpers.eventually import eventually

SWARM = "support"
#: of a namespace with a shard more than all others have, so that nobody else minds where its slot is
MOVED = ShardKeys("moved", SHARDS)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Run a cluster of the test's own, with a replica of the first node."""
    with Cluster(replicas=1) as cluster:
        yield cluster


def sent(producer: Producer, client_id: str, *messages: str) -> list["asyncio.Task[Reply]"]:
    """Send messages at once; return who waits for their replies."""
    return [asyncio.create_task(producer.execute(client_id, SWARM, message, timeout_s=40)) for message in messages]


def outbox(node: ClusterNode, keys: ShardKeys, client_id: str) -> list[str]:
    """Return what a session has sent."""
    entries = node.client.xrange(keys.outbox(f"{SWARM}:{client_id}"))
    return [json.loads(fields["data"])["output"] for _, fields in entries]


def is_admitted(node: ClusterNode, mailbox: str) -> bool:
    """Tell whether all three requests of a client have left the stream."""
    return node.client.llen(mailbox) == 3


async def test_a_node_dies_and_every_request_is_answered_once_and_in_order(
    own_cluster: Cluster, tmp_path: Path, start_worker: StartWorker
) -> None:
    dying, successor, backstage = own_cluster.masters[0], own_cluster.replicas[0], Backstage(tmp_path)
    shards = [ShardKeys("swarmline", shard) for shard in range(SHARDS)]
    workers = [start_worker(own_cluster, SWARMLINE_LEASE_S="2", **backstage.environment) for _ in range(2)]
    for worker in workers:
        await worker.ready()
    clients = [client_of(shard, "caller") for shard in range(SHARDS)]
    async with Producer(own_cluster.url) as producer:
        calls = [sent(producer, client, "wait at door-1", "count", "count") for client in clients]
        await backstage.reached("door-1", times=SHARDS)
        for keys, client in zip(shards, clients, strict=True):
            await eventually(partial(is_admitted, own_cluster.node_of(keys), keys.mailbox(f"{SWARM}:{client}")))
        assert dying.client.wait(1, 5000) == 1, "what was accepted is on the replica too"
        dying.server.kill()
        for client, of_client in zip(clients, calls, strict=True):
            of_client.extend(sent(producer, client, "count", "count"))
        backstage.open("door-1")
        replies = [await asyncio.gather(*of_client) for of_client in calls]
    wanted = ["done: wait at door-1", *(f"counted {number}" for number in range(1, 5))]
    for keys, client, of_client in zip(shards, clients, replies, strict=True):
        assert [(reply.turn, reply.output) for reply in of_client] == list(enumerate(wanted, start=1))
        node = own_cluster.node_of(keys)
        assert outbox(successor if node is dying else node, keys, client) == wanted
    assert all(worker.is_running() for worker in workers)


async def test_a_slot_is_moved_while_no_worker_runs_and_nothing_is_lost(
    cluster: Cluster, tmp_path: Path, start_worker: StartWorker
) -> None:
    clients = (f"mover-{number}" for number in range(1000))
    client = next(one for one in clients if shard_of(one, SHARDS + 1) == MOVED.shard)
    environment = {"SWARMLINE_NAMESPACE": MOVED.namespace, "SWARMLINE_SHARDS": str(SHARDS + 1)}
    environment |= Backstage(tmp_path).environment
    first = start_worker(cluster, **environment)
    await first.ready()
    source = cluster.node_of(MOVED)
    target = next(node for node in cluster.masters if node is not source)
    async with Producer(cluster.url, namespace=MOVED.namespace) as producer:
        before = sent(producer, client, "count")
        await asyncio.gather(*before)
        first.send_signal(signal.SIGTERM)
        assert await first.ended() == 0
        waiting = sent(producer, client, "count", "count")
        await eventually(lambda: source.client.xlen(MOVED.requests) >= 2)
        cluster.move(MOVED.slot, source, target)
        after = sent(producer, client, "count", "count")
        await start_worker(cluster, **environment).ready()
        replies = await asyncio.gather(*before, *waiting, *after)
    wanted = [f"counted {number}" for number in range(1, 6)]
    assert [(reply.turn, reply.output) for reply in replies] == list(enumerate(wanted, start=1))
    assert outbox(target, MOVED, client) == wanted
