"""The Redis of a simulation comes back with what it had, and nothing waits for it that need not."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.clock import sleep
from worker.simulate.connection import Connection, connect
from worker.simulate.server import SimulatedServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimulatedServer]:
    server = SimulatedServer(tmp_path)
    yield server
    server.stop()


async def value_of(connection: Connection) -> bytes:
    return await connection.execute_command("GET", "name")


async def test_everything_else_goes_on_while_redis_loads_its_data(server: SimulatedServer) -> None:
    connection = connect(server.url)
    await connection.execute_command("SET", "name", "value")
    await connection.aclose()
    killing = asyncio.create_task(server.kill(0))
    turns = 0
    while not killing.done():
        await sleep(0)
        turns += 1
    assert turns > 100, "the event loop stood still"
    assert await value_of(connection) == b"value"
    await connection.aclose()


async def test_a_failover_brings_back_what_there_was_before(server: SimulatedServer) -> None:
    connection = connect(server.url)
    await connection.execute_command("SET", "name", "old")
    await connection.execute_command("BGREWRITEAOF")
    await server.fail_over(0)
    await connection.aclose()
    assert await value_of(connection) == b"old"
    await connection.aclose()
