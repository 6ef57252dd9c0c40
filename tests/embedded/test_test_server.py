"""The server of the tests itself: it starts, forgets, remembers, freezes and can be put behind a bad network."""

import asyncio

import pytest
import redis as redis_py
import redis.asyncio as redis_asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.conftest import StartServer
from tests.helpers.server import Server
from worker.simulate import keyspace as keyspace_guard
from worker.simulate.proxy import Proxy


async def test_the_shared_server_is_empty_at_the_start_of_a_test(redis: redis_asyncio.Redis) -> None:
    assert await redis.dbsize() == 0
    await redis.hset("swarmline:meta", "v", "1")


async def test_an_append_only_server_remembers_over_a_restart(start_server: StartServer) -> None:
    server = start_server(appendonly=True)
    async with redis_asyncio.Redis.from_url(server.url) as client:
        await client.set("k", "v")
        server.restart()
        await client.connection_pool.disconnect()
        assert await client.get("k") == b"v"


async def test_a_paused_server_answers_nothing_until_it_is_resumed(start_server: StartServer) -> None:
    server = start_server()
    async with redis_asyncio.Redis.from_url(server.url, socket_timeout=0.2) as client:
        await client.ping()
        server.pause()
        with pytest.raises(RedisTimeoutError):
            await client.ping()
        server.resume()
        assert await client.ping()


async def test_the_proxy_loses_a_reply_after_the_server_did_the_work(start_server: StartServer) -> None:
    server = start_server(tcp=True)
    async with Proxy(server.port) as proxy, redis_asyncio.Redis.from_url(proxy.url) as client:
        await client.ping()
        proxy.drop_next_reply(to=b"INCR")
        with pytest.raises(RedisConnectionError):
            await client.incr("n")
        assert proxy.lost_replies == 1
        assert await client.get("n") == b"1"


async def test_the_proxy_swallows_everything_as_a_black_hole(server: Server) -> None:
    target = server.url.removeprefix("unix://")
    async with Proxy(target) as proxy, redis_asyncio.Redis.from_url(proxy.url) as client:
        proxy.black_hole()
        ping = asyncio.ensure_future(client.ping())
        await asyncio.wait([ping], timeout=0.1)
        assert not ping.done()
        proxy.heal()
        assert await ping
        proxy.cut()
        with pytest.raises(RedisConnectionError):
            await client.ping()
        assert await client.ping()


@pytest.mark.unguarded_keyspace
async def test_the_keyspace_guard_names_what_is_out_of_place(redis: redis_asyncio.Redis, server: Server) -> None:
    await redis.set("stray", "1")
    await redis.set("swarmline:{0}:ready", "not a list")
    await redis.rpush("swarmline:{0}:mailbox:support:alice", "left behind")
    await redis.set("swarmline:{0}:result:r-1", '{"status":"completed"}')
    await redis.hset("swarmline:{0}:session:support:bob", "status", "idle")
    await redis.set("arq:health", "1")
    with redis_py.Redis.from_url(server.url) as client:
        faults = keyspace_guard.faults(client)
    assert [fault.partition(": ")[0] for fault in faults] == [
        "stray",
        "swarmline:{0}:mailbox:support:alice",
        "swarmline:{0}:ready",
        "swarmline:{0}:result:r-1",
        "swarmline:{0}:session:support:bob",
    ]
