"""A shared state is changed by whoever has seen its newest version; a change of a request is made once."""

from collections.abc import AsyncIterator

import pytest

from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from tests.store.stage import NAMESPACE, Stage, StagedWorker
from worker.core.shared import SharedChange
from worker.definitions.errors import SharedStateError
from worker.store.claims import NoLease
from worker.store.shared import KEEP_COMMITTED_MS, KEEP_MS, SharedStore


@pytest.fixture
async def store(stage: Stage, worker: StagedWorker) -> AsyncIterator[SharedStore]:
    store = SharedStore(stage.url, [stage.keys], worker.worker_id)
    yield store
    await store.close()


async def test_it_is_empty_before_the_first_change(store: SharedStore) -> None:
    assert await store.call("stock", "r-1", 0, None) == (0, "", False)


async def test_a_change_for_the_newest_version_is_made(store: SharedStore) -> None:
    assert await store.call("stock", "r-1", 1, SharedChange(0, "1")) == (1, "1", True)
    assert await store.call("stock", "r-1", 2, SharedChange(1, "2")) == (2, "2", True)
    assert await store.call("stock", "r-2", 0, None) == (2, "2", False)


async def test_a_change_for_an_older_version_is_not_made_and_gets_the_newest(store: SharedStore) -> None:
    await store.call("stock", "r-1", 1, SharedChange(0, "1"))
    assert await store.call("stock", "r-2", 1, SharedChange(0, "9")) == (1, "1", False)
    assert await store.call("stock", "r-2", 1, SharedChange(1, "2")) == (2, "2", True)


async def test_the_same_change_again_is_not_made_again(store: SharedStore) -> None:
    await store.call("stock", "r-1", 1, SharedChange(0, "1"))
    await store.call("stock", "r-2", 1, SharedChange(1, "2"))
    assert await store.call("stock", "r-1", 1, SharedChange(2, "9")) == (2, "1", True)
    assert await store.call("stock", "r-1", 1, None) == (2, "1", True)
    assert await store.call("stock", "r-1", 0, None) == (2, "2", False)


async def test_changes_of_one_number_in_two_states_are_two(store: SharedStore) -> None:
    await store.call("stock", "r-1", 1, SharedChange(0, "1"))
    assert await store.call("orders", "r-1", 1, None) == (0, "", False)


async def test_the_state_stays_and_the_memory_of_its_changes_goes(stage: Stage, store: SharedStore) -> None:
    await store.call("stock", "r-1", 1, SharedChange(0, "1"))
    assert await stage.redis.pttl(stage.keys.shared("stock")) == -1
    assert KEEP_COMMITTED_MS < await stage.redis.pttl(stage.keys.applied("r-1")) <= KEEP_MS
    await store.forget(0, "r-1")
    assert 0 < await stage.redis.pttl(stage.keys.applied("r-1")) <= KEEP_COMMITTED_MS


async def test_a_worker_without_a_lease_changes_nothing(stage: Stage, store: SharedStore) -> None:
    await stage.redis.zrem(stage.keys.workers, "w1")
    with pytest.raises(NoLease):
        await store.call("stock", "r-1", 1, SharedChange(0, "1"))
    assert not await stage.redis.exists(stage.keys.shared("stock"), stage.keys.applied("r-1"))


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["shared", "applied"])
async def test_a_key_of_a_wrong_type_is_named_and_left_alone(stage: Stage, store: SharedStore, name: str) -> None:
    key = stage.keys.shared("stock") if name == "shared" else stage.keys.applied("r-1")
    await stage.redis.set(key, "overwritten")
    with pytest.raises(SharedStateError, match="'stock'"):
        await store.call("stock", "r-1", 1, SharedChange(0, "1"))
    assert await stage.redis.get(key) == b"overwritten"


async def test_each_state_lives_in_the_shard_of_its_name(stage: Stage, worker: StagedWorker) -> None:
    keys = [ShardKeys(NAMESPACE, shard) for shard in range(4)]
    for shard in keys:
        await stage.redis.zadd(shard.workers, {worker.worker_id: 2**50})
    store = SharedStore(stage.url, keys, worker.worker_id)
    for name in ("stock", "orders", "visits"):
        await store.call(name, "r-1", 1, SharedChange(0, "1"))
        assert await stage.redis.hget(keys[shard_of(name, 4)].shared(name), "value") == b"1"
    await store.close()
