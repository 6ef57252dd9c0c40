"""A worker refuses a Redis that it can't work on, says what to change, and has touched nothing until then."""

import asyncio

import pytest
import redis.asyncio as redis_asyncio

from tests.acceptance.conftest import StartWorker
from tests.conftest import StartServer
from tests.helpers.server import Server

REQUESTS = "swarmline:{0}:requests"
PASSWORD = "canary-4711"


async def waiting_request(client: redis_asyncio.Redis) -> None:
    fields = {"v": "1", "requestId": "r-1", "clientId": "alice", "swarmName": "echo", "kind": "execute"}
    await client.xadd(REQUESTS, fields)


async def allow(server: Server, *rules: str) -> str:
    """Make a user with these rules and return the address with it."""
    client = redis_asyncio.Redis.from_url(server.url)
    await client.execute_command("ACL", "SETUSER", "worker", "reset", "on", f">{PASSWORD}", *rules)
    await client.aclose()
    return server.url.replace("://", f"://worker:{PASSWORD}@")


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        (("~swarmline:*", "&swarmline:*", "+@all", "-restore"), "+restore"),
        (("~swarmline:*", "&swarmline:*", "+@all", "-publish", "-time"), "+publish, +time"),
        (("~swarmline:*", "&swarmline:*", "+@all", "-eval", "-evalsha"), "+eval and +evalsha"),
        (("~swarmline:*", "+@all"), "&swarmline:{0}:bus:~ (publish)"),
        (("~swarmline:{0}:*", "&swarmline:*", "+@all"), "~swarmline:meta (hsetnx, hmget"),
        (("%R~swarmline:*", "&swarmline:*", "+@all"), "~swarmline:{0}:swarms (hset)"),
        (("~swarmline:*", "&swarmline:*", "+@all", "-info"), "+info"),
    ],
)
async def test_a_right_that_is_missing_is_found_before_the_first_entry_is_touched(
    server: Server, redis: redis_asyncio.Redis, start_worker: StartWorker, rules: tuple[str, ...], missing: str
) -> None:
    await waiting_request(redis)
    before = await redis.xinfo_stream(REQUESTS)
    worker = start_worker("--redis-url", await allow(server, *rules))
    assert await worker.ended() == 78
    assert missing in worker.stderr
    assert "deploy/acl" in worker.stderr
    assert PASSWORD not in worker.stderr
    assert await redis.keys() == [REQUESTS.encode()]
    assert await redis.xinfo_stream(REQUESTS) == before


async def test_a_right_of_housekeeping_that_is_missing_is_found_too(server: Server, start_worker: StartWorker) -> None:
    url = await allow(server, "~swarmline:*", "&swarmline:*", "+@all")
    worker = start_worker("--redis-url", url, "--housekeeping")
    assert await worker.ended() == 78
    assert "housekeeping: the Redis user lacks ~arq:job:~" in worker.stderr
    await start_worker("--redis-url", url).ready()


async def test_no_persistence_is_a_warning_and_with_strict_a_refusal(
    start_server: StartServer, start_worker: StartWorker
) -> None:
    volatile, durable = start_server(), start_server(appendonly=True)
    warned = start_worker("--redis-url", volatile.url)
    await warned.ready()
    assert "appendonly" in warned.stderr
    refused = start_worker("--redis-url", volatile.url, "--strict")
    assert await refused.ended() == 78
    assert "set appendonly to yes" in refused.stderr
    assert "Traceback" not in refused.stderr
    accepted = start_worker("--redis-url", durable.url, SWARMLINE_STRICT="true")
    await accepted.ready()
    assert "appendonly" not in accepted.stderr


async def test_a_clock_that_was_put_back_is_78(redis: redis_asyncio.Redis, start_worker: StartWorker) -> None:
    seconds, _ = await redis.time()
    await redis.xadd("swarmline:{0}:bell", {"b": "1"}, id=f"{(seconds + 100) * 1000}-0")
    refused = start_worker()
    assert await refused.ended() == 78
    assert "Redis' clock is" in refused.stderr
    assert "SWARMLINE_ALLOW_CLOCK_JUMP" in refused.stderr
    await start_worker(SWARMLINE_ALLOW_CLOCK_JUMP="true").ready()


async def test_all_faults_are_named_at_once(start_server: StartServer, start_worker: StartWorker) -> None:
    server = start_server(options=("--maxmemory-policy", "allkeys-lru"))
    client = redis_asyncio.Redis.from_url(server.url)
    await client.hset("swarmline:meta", mapping={"protocol": "2", "shards": "5"})
    await client.aclose()
    worker = start_worker("--redis-url", server.url, "--strict")
    assert await worker.ended() == 78
    faults = [line for line in worker.stderr.splitlines() if line]
    subjects = [line.removeprefix("swarmline: ").split(":")[0] for line in faults]
    assert subjects == ["eviction", "persistence", "protocol", "shards"]


@pytest.mark.parametrize("listens", ["tcp", "unix"])
@pytest.mark.parametrize("user", ["somebody:wrong@", ""], ids=["wrong password", "no password"])
async def test_a_login_that_is_refused_is_78_and_names_the_setting(
    start_server: StartServer, start_worker: StartWorker, listens: str, user: str
) -> None:
    server = start_server(tcp=listens == "tcp")
    client = redis_asyncio.Redis.from_url(server.url)
    await client.execute_command("ACL", "SETUSER", "somebody", "on", ">right", "~*", "&*", "+@all")
    await client.execute_command("ACL", "SETUSER", "default", "off")
    await client.aclose()
    worker = start_worker("--redis-url", server.url.replace("://", f"://{user}"))
    assert await worker.ended() == 78
    assert "correct user and password in SWARMLINE_REDIS_URL" in worker.stderr
    assert "wrong@" not in worker.stderr


async def test_a_number_of_a_database_that_is_not_there_is_78(
    start_server: StartServer, start_worker: StartWorker
) -> None:
    worker = start_worker("--redis-url", f"{start_server(tcp=True).url}/99")
    assert await worker.ended() == 78
    assert "correct the number of the database in SWARMLINE_REDIS_URL" in worker.stderr


async def test_what_is_no_redis_is_78_and_called_so(start_worker: StartWorker) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"<html>")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        worker = start_worker("--redis-url", f"redis://127.0.0.1:{port}")
        assert await worker.ended() == 78
    assert "what answers is no Redis" in worker.stderr
