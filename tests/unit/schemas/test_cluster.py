"""Where a slot is, by what the nodes of a cluster say of it and of each other."""

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from schemas.cluster import Node, Nodes, slot_of
from schemas.keyspace import ShardKeys, meta_key

SEED: Node = ("redis.example", 7000)
ONE, TWO, REPLICA = ("10.0.0.1", 7001), ("10.0.0.2", 7002), ("10.0.0.3", 7003)


def told(*shares: tuple[int, int, list[tuple[bytes | None, int]]]) -> list[list[object]]:
    """Return an answer to CLUSTER SLOTS."""
    return [[first, last, *([host, port, b"id", []] for host, port in nodes)] for first, last, nodes in shares]


def known() -> Nodes:
    nodes = Nodes()
    nodes.begin_at(SEED)
    shares = (0, 99, [(b"10.0.0.1", 7001), (b"10.0.0.3", 7003)]), (100, 16383, [(b"10.0.0.2", 7002)])
    nodes.learn_slots(told(*shares), SEED)
    return nodes


@given(st.text(alphabet=st.sampled_from("ab{}:é"), max_size=12))
def test_a_slot_is_what_redis_makes_of_a_key(key: str) -> None:
    assert slot_of(key) == key_slot(key.encode())


def test_a_shard_is_whole_in_one_slot_whatever_its_namespace() -> None:
    shard, other = ShardKeys("swarmline", 3), ShardKeys("other", 3)
    names = [shard.requests, shard.session("support:alice"), shard.client_channel("support:alice"), other.base]
    assert {slot_of(name) for name in names} == {shard.slot}
    assert slot_of(meta_key("swarmline")) != slot_of(meta_key("other"))


def test_a_single_server_is_where_its_address_says() -> None:
    nodes = Nodes()
    nodes.begin_at(SEED)
    nodes.begin_at(ONE)
    nodes.learn_mode([b"server", b"redis", b"mode", b"standalone"])
    assert nodes.is_cluster is False
    nodes.doubt(SEED)
    assert (nodes.owner(5), nodes.nearest(5)) == (None, SEED)


def test_a_slot_is_with_the_master_that_the_nodes_name() -> None:
    nodes = known()
    nodes.learn_mode([b"mode", b"cluster"])
    assert nodes.is_cluster
    assert [nodes.owner(slot) for slot in (0, 99, 100, None)] == [ONE, ONE, TWO, None]
    assert nodes.nearest(None) == SEED


def test_a_node_in_doubt_is_asked_last_until_another_one_names_it_again() -> None:
    nodes = known()
    nodes.doubt(SEED)
    nodes.doubt(ONE)
    assert (nodes.owner(5), nodes.owner(100)) == (None, TWO)
    assert nodes.nearest(5) not in (SEED, ONE)
    nodes.learn_slots(told((0, 16383, [(b"10.0.0.3", 7003), (b"10.0.0.2", 7002)])), TWO)
    assert nodes.nearest(5) == REPLICA
    for node in (TWO, REPLICA):
        nodes.doubt(node)
    assert nodes.nearest(5) == SEED, "what the URL names may lead somewhere else by now"


def test_the_route_to_a_slot_ends_where_nobody_else_is_left() -> None:
    nodes = Nodes()
    nodes.begin_at(SEED)
    assert list(nodes.route_to(5)) == [SEED]
    nodes.learn_slots(told((0, 16383, [(b"10.0.0.1", 7001)])), SEED)
    asked: list[Node] = []
    for node in nodes.route_to(5):
        asked.append(node)
        nodes.doubt(node)
    assert asked == [ONE, SEED, ONE, SEED, ONE]


def test_a_node_without_an_address_is_where_it_was_asked() -> None:
    nodes = Nodes()
    nodes.begin_at(SEED)
    nodes.learn_slots(told((0, 9, [(b"", 7000)]), (10, 19, [(None, 7001)]), (20, 29, [(b"?", 7002)])), SEED)
    assert [nodes.owner(slot) for slot in (0, 10, 20)] == [(SEED[0], port) for port in (7000, 7001, 7002)]
