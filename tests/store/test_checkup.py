"""What is looked at before a start: each fault is found, and each finding says what to do."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from tests.conftest import StartServer
from worker.store.checkup import Demands, Finding, Verdict, examine, faults_of, persistence, version
from worker.store.link import Link

DEMANDS = Demands("swarmline", 1)
HOUR_MS = 3_600_000


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[Link]:
    link = Link(redis_url)
    yield link
    await link.close()


async def found(link: Link, subject: str, demands: Demands = DEMANDS) -> Finding:
    findings = {finding.subject: finding for finding in await examine(link, demands)}
    return findings[subject]


async def now_ms(redis: redis_asyncio.Redis) -> int:
    seconds, _ = await redis.time()
    return seconds * 1000


async def test_a_sound_server_has_no_fault_and_nothing_is_written(link: Link, redis: redis_asyncio.Redis) -> None:
    findings = await examine(link, DEMANDS)
    assert faults_of(findings, strict=False) == []
    assert {finding.subject for finding in findings if finding.verdict is Verdict.WARN} == {"persistence"}
    assert await redis.dbsize() == 0


@pytest.mark.parametrize(
    ("info", "verdict", "what"),
    [
        ({"redis_version": "6.2.14"}, Verdict.FAIL, "Redis 6.2.14 is too old"),
        ({"redis_version": "7.0.15"}, Verdict.OK, "Redis 7.0.15"),
        ({"redis_version": "10.1.0"}, Verdict.OK, "Redis 10.1.0"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, Verdict.OK, "Valkey 9.1.2"),
    ],
)
def test_a_version_is_judged_by_its_number(info: dict[str, str], verdict: Verdict, what: str) -> None:
    finding = version(info)
    assert (finding.verdict, finding.what) == (verdict, what)
    assert bool(finding.remedy) == (verdict is Verdict.FAIL)


async def test_a_server_with_an_append_only_file_is_fine(start_server: StartServer) -> None:
    link = Link(start_server(appendonly=True).url)
    assert (await found(link, "persistence")).verdict is Verdict.OK
    await link.close()


def test_an_append_only_file_that_can_not_be_written_is_a_warning() -> None:
    finding = persistence({"aof_enabled": "1", "aof_last_write_status": "err"})
    assert finding.verdict is Verdict.WARN
    assert "disk" in finding.remedy


async def test_eviction_is_a_fault_and_a_warning_where_it_is_allowed(start_server: StartServer) -> None:
    link = Link(start_server(options=("--maxmemory-policy", "volatile-lru")).url)
    assert (await found(link, "eviction")).verdict is Verdict.FAIL
    allowing = Demands("swarmline", 1, allow_eviction=True)
    assert (await found(link, "eviction", allowing)).verdict is Verdict.WARN
    await link.close()


async def test_a_node_of_a_cluster_is_a_fault(start_server: StartServer) -> None:
    link = Link(start_server(options=("--cluster-enabled", "yes")).url)
    finding = await found(link, "cluster")
    assert (finding.verdict, "cluster-enabled no" in finding.remedy) == (Verdict.FAIL, True)
    await link.close()


async def test_a_replica_is_a_fault(start_server: StartServer) -> None:
    primary = start_server(tcp=True)
    link = Link(start_server(options=("--replicaof", f"127.0.0.1 {primary.port}")).url)
    finding = await found(link, "role")
    assert (finding.verdict, finding.remedy) == (Verdict.FAIL, "use the address of the primary")
    assert "127.0.0.1" in finding.what
    await link.close()


async def test_a_namespace_that_was_made_otherwise_is_a_fault(link: Link, redis: redis_asyncio.Redis) -> None:
    await redis.hset("swarmline:meta", mapping={"protocol": "2", "shards": "4"})
    findings = [finding for finding in await examine(link, DEMANDS) if finding.verdict is Verdict.FAIL]
    assert [finding.subject for finding in findings] == ["protocol", "shards"]
    assert "SWARMLINE_SHARDS=4" in findings[1].remedy


async def test_a_namespace_that_another_worker_makes_just_now_is_none(link: Link, redis: redis_asyncio.Redis) -> None:
    await redis.hset("swarmline:meta", "protocol", 1)
    assert (await found(link, "namespace")).verdict is Verdict.OK


@pytest.mark.unguarded_keyspace  # the wrong type is the point
async def test_a_namespace_that_somebody_overwrote_is_a_fault(link: Link, redis: redis_asyncio.Redis) -> None:
    await redis.hset("swarmline:meta", mapping={"protocol": "1", "shards": "many"})
    assert "restore the field `shards`" in (await found(link, "shards")).remedy
    await redis.delete("swarmline:meta")
    await redis.set("swarmline:meta", "x")
    assert (await found(link, "namespace")).verdict is Verdict.FAIL


@pytest.mark.parametrize("stream", ["requests", "bell", "events"])
async def test_a_clock_behind_its_own_entries_was_put_back(link: Link, redis: redis_asyncio.Redis, stream: str) -> None:
    later = await now_ms(redis) + HOUR_MS
    await redis.xadd(f"swarmline:{{0}}:{stream}", {"b": "1"}, id=f"{later}-0")
    finding = await found(link, "clock")
    assert finding.verdict is Verdict.FAIL
    assert "3600 s behind" in finding.what or "3599 s behind" in finding.what
    allowing = Demands("swarmline", 1, allow_clock_jump=True)
    assert (await found(link, "clock", allowing)).verdict is Verdict.WARN


async def test_a_lease_longer_than_any_that_can_be_set_shows_a_jump_too(link: Link, redis: redis_asyncio.Redis) -> None:
    await redis.zadd("swarmline:{0}:workers", {"w1": await now_ms(redis) + 2 * HOUR_MS})
    assert (await found(link, "clock")).verdict is Verdict.FAIL
    await redis.zadd("swarmline:{0}:workers", {"w1": await now_ms(redis) + HOUR_MS})
    assert (await found(link, "clock")).verdict is Verdict.OK


@pytest.mark.unguarded_keyspace  # the wrong type is the point
async def test_a_key_of_a_wrong_type_is_no_clock(link: Link, redis: redis_asyncio.Redis) -> None:
    await redis.set("swarmline:{0}:bell", "rubbish")
    assert (await found(link, "clock")).verdict is Verdict.OK


async def test_strict_counts_warnings_as_faults(link: Link) -> None:
    findings = await examine(link, DEMANDS)
    assert [finding.subject for finding in faults_of(findings, strict=True)] == ["persistence"]
