"""A Redis Cluster of a test's own: masters that share all slots, and replicas of the first of them."""

from contextlib import ExitStack, suppress
from typing import Self

import redis as redis_py

from schemas.keyspace import ShardKeys
from tests.helpers.eventually import eventually_sync
from tests.helpers.server import Server
from worker.embedded.process import ServerStartError, free_port

SLOTS = 16_384
#: silence after which a node is taken for dead: while the cluster comes together, which takes no less, and afterwards
FIRST_TIMEOUT_MS, LATER_TIMEOUT_MS = 800, 1_500
#: where nobody could take over, a false alarm of a busy machine would be all that there is
LONGEST_TIMEOUT_MS = 30_000


class ClusterNode:
    """One server of a cluster, and a client that speaks to it alone."""

    def __init__(self) -> None:
        self.bus_port = free_port()
        options = ("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port))
        options += ("--cluster-node-timeout", str(FIRST_TIMEOUT_MS), "--repl-diskless-sync-delay", "0")
        self.server = Server(tcp=True, options=options)
        self.client = redis_py.Redis.from_url(self.server.url, decode_responses=True)

    def ask(self, *words: str | int) -> str:
        """Return the answer to a command of the CLUSTER family."""
        return str(self.client.execute_command("CLUSTER", *words))

    @property
    def node_id(self) -> str:
        return self.ask("MYID")

    def knows(self, nodes: int) -> bool:
        """Tell whether it finds the cluster whole."""
        info = dict(line.split(":") for line in self.ask("INFO").split())
        return info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == nodes

    def follows(self) -> bool:
        """Tell whether it is a replica that has all of its master."""
        return self.client.info("replication").get("master_link_status") == "up"


class Cluster:
    """Use it as a context manager; `masters[0]` has the replicas."""

    def __init__(self, *, masters: int = 3, replicas: int = 0) -> None:
        """Start all nodes and return when each of them finds the cluster whole."""
        self._stack = ExitStack()
        nodes = [self._start() for _ in range(masters + replicas)]
        self.masters, self.replicas = nodes[:masters], nodes[masters:]
        for index, node in enumerate(self.masters):
            node.ask("SET-CONFIG-EPOCH", index + 1)
            node.ask("ADDSLOTSRANGE", *_share(index, masters))
        for node in nodes[1:]:
            nodes[0].ask("MEET", "127.0.0.1", node.server.port, node.bus_port)
        eventually_sync(lambda: all(node.knows(len(nodes)) for node in nodes), within_s=30)
        for replica in self.replicas:
            replica.ask("REPLICATE", self.masters[0].node_id)
        eventually_sync(lambda: all(node.follows() for node in self.replicas), within_s=30)
        for node in nodes:
            node.client.config_set("cluster-node-timeout", LATER_TIMEOUT_MS if replicas else LONGEST_TIMEOUT_MS)

    @property
    def url(self) -> str:
        """Return the address of the first node; the others are found through it."""
        return self.masters[0].server.url

    def node_of(self, keys: ShardKeys) -> ClusterNode:
        """Return the node that had the slot of a shard at first."""
        shares = [_share(index, len(self.masters)) for index in range(len(self.masters))]
        return next(
            node for node, (first, last) in zip(self.masters, shares, strict=True) if first <= keys.slot <= last
        )

    def move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Give a slot to another master, with the keys in it."""
        target.ask("SETSLOT", slot, "IMPORTING", source.node_id)
        source.ask("SETSLOT", slot, "MIGRATING", target.node_id)
        while keys := source.client.cluster("GETKEYSINSLOT", slot, 1000):
            source.client.migrate("127.0.0.1", target.server.port, keys, 0, 5000)
        for node in (target, source, *self.masters):
            node.ask("SETSLOT", slot, "NODE", target.node_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> ClusterNode:
        node = _started()
        self._stack.callback(node.server.stop)
        self._stack.callback(node.client.close)
        return node


def _started() -> ClusterNode:
    """Start a node; each takes two ports, and another process may be faster with one that was free a moment ago."""
    for _ in range(2):
        with suppress(ServerStartError):
            return ClusterNode()
    return ClusterNode()


def _share(index: int, masters: int) -> tuple[int, int]:
    """Return the first and the last slot of a master."""
    return index * SLOTS // masters, (index + 1) * SLOTS // masters - 1
