"""Where Redis Cluster keeps a key: its slot, and the nodes as they tell of each other.

Nothing here talks to Redis. Whoever connects asks each node that it meets for its mode and its view of the slots, hands
the answers in, and so finds the node that serves a slot; on a single server that is the one that the URL names.
"""

from binascii import crc_hqx
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

#: what to ask a server for its mode: the one command of this kind that no ACL can forbid
ASK_MODE: Final = ("HELLO",)
#: what to ask a node of a cluster
ASK_SLOTS: Final = ("CLUSTER", "SLOTS")
#: with these words Redis says that it does not serve a slot, or not now, and that it did not do what was asked
ELSEWHERE: Final = frozenset(("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "UNBLOCKED"))

_SLOTS: Final = 16_384
#: nodes that are asked, each named by the one before, before it is given up that they agree
_HOPS_MAX: Final = 5
#: what a node names that does not know its own address, or is told to name none: the address that was asked
_UNNAMED: Final = (None, b"", b"?")

#: host and port
Node: TypeAlias = tuple[str, int]


def slot_of(key: str) -> int:
    """Return the slot of a key: that of its hash tag, if it has one."""
    _, opened, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    return crc_hqx((tag if opened and closed and tag else key).encode(), 0) % _SLOTS


class Nodes:
    """What is known of the servers behind one URL; shared by all connections to it, whichever thread they are in."""

    def __init__(self) -> None:
        """Know nothing: `begin_at` comes before all else."""
        self._known: Sequence[Node] = ()
        self._owners: Sequence[tuple[int, int, Node]] = ()
        #: whether they are a cluster; None until one has said so
        self.is_cluster: bool | None = None

    def begin_at(self, seed: Node) -> None:
        """Know the server that the URL names, unless it is known already."""
        if not self._known:
            self._seed, self._known = seed, (seed,)

    @property
    def are_many(self) -> bool:
        """Tell whether there is another one to ask."""
        return len(self._known) > 1

    def owner(self, slot: int | None) -> Node | None:
        """Return who serves a slot, None if that is not known."""
        if slot is None:
            return None
        return next((node for first, last, node in self._owners if first <= slot <= last), None)

    def nearest(self, slot: int | None) -> Node:
        """Return whom to ask for a slot: its owner, or else whoever was not in doubt for the longest time."""
        return self.owner(slot) or self._known[0]

    def route_to(self, slot: int | None) -> Iterator[Node]:
        """Yield whom to ask next, by what is learnt or doubted meanwhile, for as long as there is somebody else."""
        asked: Node | None = None
        for _ in range(_HOPS_MAX):
            node = self.nearest(slot)
            if node == asked:
                return
            yield node
            asked = node

    def learn_mode(self, answer: Any) -> None:
        """Read the answer to `ASK_MODE`."""
        self.is_cluster = dict(zip(answer[::2], answer[1::2], strict=True)).get(b"mode") == b"cluster"

    def learn_slots(self, answer: Any, asked: Node) -> None:
        """Read the answer to `ASK_SLOTS` of the node that was asked."""
        owners: list[tuple[int, int, Node]] = []
        found = {self._seed}
        for first, last, *nodes in answer:
            served_by = [(_host(host, asked), int(port)) for host, port, *_ in nodes]
            owners.append((first, last, served_by[0]))
            found.update(served_by)
        self._owners = owners
        # in the order in which they were doubted
        self._known = tuple(dict.fromkeys([*(node for node in self._known if node in found), *sorted(found)]))

    def doubt(self, node: Node) -> None:
        """Ask the others first from now on: a connection to this one was lost, or it serves a slot no more."""
        self._owners = [owned for owned in self._owners if owned[2] != node]
        if node in self._known:
            self._known = (*(known for known in self._known if known != node), node)


def _host(host: bytes | None, asked: Node) -> str:
    return asked[0] if host is None or host in _UNNAMED else host.decode()
