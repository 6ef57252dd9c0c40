"""What is looked at before a start: each fault is found, and each finding says what to do."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from tests.conftest import StartServer
from worker.store.checkup import Demands, Finding, Verdict, examine, faults_of, persistence, version
from worker.store.links import Links

DEMANDS = Demands("swarmline", 1)
HOUR_MS = 3_600_000


@pytest.fixture
async def links(redis_url: str) -> AsyncIterator[Links]:
    links = Links(redis_url, "swarmline")
    yield links
    await links.close()


async def found(links: Links, subject: str, demands: Demands = DEMANDS) -> Finding:
    findings = {finding.subject: finding for finding in await examine(links, demands)}
    return findings[subject]


async def now_ms(redis: redis_asyncio.Redis) -> int:
    seconds, _ = await redis.time()
    return seconds * 1000


async def test_a_sound_server_has_no_fault_and_nothing_is_written(links: Links, redis: redis_asyncio.Redis) -> None:
    findings = await examine(links, DEMANDS)
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
    links = Links(start_server(appendonly=True).url, "swarmline")
    assert (await found(links, "persistence")).verdict is Verdict.OK
    await links.close()


def test_an_append_only_file_that_can_not_be_written_is_a_warning() -> None:
    finding = persistence({"aof_enabled": "1", "aof_last_write_status": "err"})
    assert finding.verdict is Verdict.WARN
    assert "disk" in finding.remedy


async def test_eviction_is_a_fault_and_a_warning_where_it_is_allowed(start_server: StartServer) -> None:
    links = Links(start_server(options=("--maxmemory-policy", "volatile-lru")).url, "swarmline")
    assert (await found(links, "eviction")).verdict is Verdict.FAIL
    allowing = Demands("swarmline", 1, allow_eviction=True)
    assert (await found(links, "eviction", allowing)).verdict is Verdict.WARN
    await links.close()


async def test_a_node_of_a_cluster_behind_a_socket_is_a_fault(start_server: StartServer) -> None:
    links = Links(start_server(options=("--cluster-enabled", "yes")).url, "swarmline")
    finding = await found(links, "cluster")
    assert (finding.verdict, "redis://HOST:PORT" in finding.remedy) == (Verdict.FAIL, True)
    await links.close()


async def test_a_replica_is_a_fault(start_server: StartServer) -> None:
    primary = start_server(tcp=True)
    links = Links(start_server(options=("--replicaof", f"127.0.0.1 {primary.port}")).url, "swarmline")
    finding = await found(links, "role")
    assert (finding.verdict, finding.remedy) == (Verdict.FAIL, "use the address of the primary")
    assert "127.0.0.1" in finding.what
    await links.close()


async def test_a_namespace_that_was_made_otherwise_is_a_fault(links: Links, redis: redis_asyncio.Redis) -> None:
    await redis.hset("swarmline:meta", mapping={"protocol": "2", "shards": "4"})
    findings = [finding for finding in await examine(links, DEMANDS) if finding.verdict is Verdict.FAIL]
    assert [finding.subject for finding in findings] == ["protocol", "shards"]
    assert "SWARMLINE_SHARDS=4" in findings[1].remedy


async def test_a_namespace_that_another_worker_makes_just_now_is_none(links: Links, redis: redis_asyncio.Redis) -> None:
    await redis.hset("swarmline:meta", "protocol", 1)
    assert (await found(links, "namespace")).verdict is Verdict.OK


@pytest.mark.unguarded_keyspace  # the wrong type is the point
async def test_a_namespace_that_somebody_overwrote_is_a_fault(links: Links, redis: redis_asyncio.Redis) -> None:
    await redis.hset("swarmline:meta", mapping={"protocol": "1", "shards": "many"})
    assert "restore the field `shards`" in (await found(links, "shards")).remedy
    await redis.delete("swarmline:meta")
    await redis.set("swarmline:meta", "x")
    assert (await found(links, "namespace")).verdict is Verdict.FAIL


@pytest.mark.parametrize("stream", ["requests", "bell", "events"])
async def test_a_clock_behind_its_own_entries_was_put_back(
    links: Links, redis: redis_asyncio.Redis, stream: str
) -> None:
    later = await now_ms(redis) + HOUR_MS
    await redis.xadd(f"swarmline:{{0}}:{stream}", {"b": "1"}, id=f"{later}-0")
    finding = await found(links, "clock")
    assert finding.verdict is Verdict.FAIL
    assert "3600 s behind" in finding.what or "3599 s behind" in finding.what
    allowing = Demands("swarmline", 1, allow_clock_jump=True)
    assert (await found(links, "clock", allowing)).verdict is Verdict.WARN


async def test_a_lease_longer_than_any_that_can_be_set_shows_a_jump_too(
    links: Links, redis: redis_asyncio.Redis
) -> None:
    await redis.zadd("swarmline:{0}:workers", {"w1": await now_ms(redis) + 2 * HOUR_MS})
    assert (await found(links, "clock")).verdict is Verdict.FAIL
    await redis.zadd("swarmline:{0}:workers", {"w1": await now_ms(redis) + HOUR_MS})
    assert (await found(links, "clock")).verdict is Verdict.OK


@pytest.mark.unguarded_keyspace  # the wrong type is the point
async def test_a_key_of_a_wrong_type_is_no_clock(links: Links, redis: redis_asyncio.Redis) -> None:
    await redis.set("swarmline:{0}:bell", "rubbish")
    assert (await found(links, "clock")).verdict is Verdict.OK


async def test_strict_counts_warnings_as_faults(links: Links) -> None:
    findings = await examine(links, DEMANDS)
    assert [finding.subject for finding in faults_of(findings, strict=True)] == ["persistence"]
