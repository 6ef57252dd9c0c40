"""The disk of the append-only file is full: Redis lives and refuses writes, until there is room again."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer, QueueUnavailable
from tests.conftest import StartServer
from tests.faults.conftest import StartWorker
from tests.faults.history import KEYS
from tests.helpers.eventually import eventually
from tests.helpers.server import Server

pytestmark = [pytest.mark.timeout(120), pytest.mark.unguarded_keyspace]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 4 MiB; only root may."""
    found = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip("a disk can't be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
def own_server(start_server: StartServer, disk: Path) -> Server:
    """Hand out a server whose append-only file lies on the small disk."""
    return start_server(options=("--dir", str(disk), "--appendonly", "yes", "--appendfsync", "everysec"))


def fill(disk: Path) -> Path:
    """Write until nothing more fits."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(os.urandom(1 << 12))
    return filler


async def test_a_full_disk_is_waited_for_and_costs_nothing(start_worker: StartWorker, url: str, disk: Path) -> None:
    worker = start_worker()
    await worker.ready()
    async with Producer(url) as producer, redis_asyncio.Redis.from_url(url) as client:
        assert (await producer.execute("alice", "proof", "before")).status == "completed"
        filler = fill(disk)
        taken = await _send_until_refused(producer)
        with pytest.raises(QueueUnavailable, match="MISCONF"):
            await producer.send("alice", "proof", "execute", message="refused", timeout_s=1)
        assert worker.is_running()
        filler.unlink()

        async def takes_writes() -> bool:
            return bool(await client.set(KEYS.reply_channel("probe"), "1", px=1))

        await eventually(takes_writes, within_s=20)
        for request_id in taken:
            reply = await producer.result(request_id, timeout_s=20)
            assert (reply.status, reply.attempts) == ("completed", 1)
        assert (await producer.execute("alice", "proof", "after")).status == "completed"
        assert worker.is_running()


async def _send_until_refused(producer: Producer) -> list[str]:
    """Send until Redis has met the full disk; return what it took on."""
    taken: list[str] = []
    with suppress(QueueUnavailable):
        while True:
            number = len(taken)
            taken.append(await producer.send(f"c{number % 20}", "proof", "execute", message="x" * 500, timeout_s=1))
    return taken
