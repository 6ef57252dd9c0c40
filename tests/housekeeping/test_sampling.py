"""The figures of the cluster are shown by one process of all."""

from dataclasses import replace

import redis.asyncio as redis_asyncio

from schemas.keyspace import ShardKeys
from tests.housekeeping.recording import QUIET, RecordingHousekeeper, Seen
from worker.core.cluster_sample import joined
from worker.housekeeping.sampling import Sampler
from worker.store.housekeeper import ShardHousekeeper

KEYS = ShardKeys("swarmline", 0)


async def test_the_sample_covers_all_shards() -> None:
    one = replace(QUIET, stream_length=3, stream_lag=1, oldest_waiting_s=2.0, sessions_active=5, workers_live=4)
    two = replace(QUIET, stream_length=4, stream_lag=2, oldest_waiting_s=9.0, sessions_active=6, workers_live=4)
    seen = Seen(RecordingHousekeeper(one), RecordingHousekeeper(two))
    assert await Sampler(seen.household, "w1").sample_gauges()
    (sample,) = seen.samples
    assert sample is not None
    assert (sample.stream_length, sample.stream_lag, sample.oldest_waiting_s) == (7, 3, 9.0)
    assert (sample.sessions_active, sample.workers_live) == (11, 4)


async def test_half_a_sample_is_not_shown() -> None:
    seen = Seen(RecordingHousekeeper(), RecordingHousekeeper(away=True))
    assert await Sampler(seen.household, "w1").sample_gauges()
    assert seen.samples == []


def test_a_lag_that_one_shard_does_not_know_is_unknown() -> None:
    assert joined([QUIET, replace(QUIET, stream_lag=None)]).stream_lag is None


async def test_one_of_two_shows_the_figures_and_the_other_shows_none() -> None:
    shard = RecordingHousekeeper()
    one, other = Seen(shard), Seen(shard)
    assert await Sampler(one.household, "w1").sample_gauges()
    assert not await Sampler(other.household, "w2").sample_gauges()
    assert (one.samples, other.samples) == ([QUIET], [None])


async def test_the_place_is_kept_given_up_and_taken_by_who_insists(redis: redis_asyncio.Redis, redis_url: str) -> None:
    shard = ShardHousekeeper(redis_url, KEYS, "housekeeping", 1000)
    assert await shard.become_sampler("w1", 60_000, insists=False)
    assert await shard.become_sampler("w1", 60_000, insists=False)
    assert not await shard.become_sampler("w2", 60_000, insists=False)
    await shard.leave_sampling("w2")
    assert await redis.get(KEYS.sampler) == b"w1"
    assert await shard.become_sampler("exporter-1", 60_000, insists=True)
    assert not await shard.become_sampler("w1", 60_000, insists=False)
    assert not await shard.become_sampler("exporter-2", 60_000, insists=True), "two that insist would take turns"
    assert 0 < await redis.pttl(KEYS.sampler) <= 60_000
    await shard.leave_sampling("exporter-1")
    assert await shard.become_sampler("w2", 60_000, insists=False)
    await shard.close()


async def test_a_worker_whose_lease_is_over_is_not_live(redis: redis_asyncio.Redis, redis_url: str) -> None:
    await redis.zadd(KEYS.workers, {"dead": 1, "alive": 9_999_999_999_999})
    await redis.sadd(KEYS.held("dead"), "support:alice", "support:bob")
    shard = ShardHousekeeper(redis_url, KEYS, "housekeeping", 1000)
    sample = await shard.sample()
    assert (sample.workers_live, sample.held) == (1, 2)
    await shard.close()
    await redis.delete(KEYS.held("dead"))
