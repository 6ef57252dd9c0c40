"""A pickle is never read: not as a job, not as a result, on no side."""

import asyncio
import json
import os
import pickle  # noqa: TID251 - what an attacker would send
from collections.abc import Callable
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio

from producers import Producer, QueueUnavailable
from schemas.errands import EXPORT_JOB
from tests.helpers.eventually import eventually
from tests.helpers.processes import SwarmlineProcess

Start = Callable[..., SwarmlineProcess]

pytestmark = pytest.mark.unguarded_keyspace  # arq keeps its own books


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self._path),)


def test_the_payload_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "made")))  # noqa: S301 - our own
    assert (tmp_path / "made").exists()


async def test_a_pickled_job_is_refused_and_the_next_one_is_done(
    redis: redis_asyncio.Redis, redis_url: str, start_swarmline: Start, tmp_path: Path
) -> None:
    options = ("--app", "worker.cli.demo_app:app", "--metrics-port", "-1")
    worker = start_swarmline("worker", *options, SWARMLINE_REDIS_URL=redis_url)
    await worker.ready()
    job = {"t": None, "f": "send_later", "a": (Payload(tmp_path / "made"),), "k": {}, "et": 1}
    for number, raw in enumerate((pickle.dumps(job), pickle.dumps(Payload(tmp_path / "made")))):
        await redis.set(f"arq:job:evil-{number}", raw)
        await redis.zadd("swarmline:arq", {f"evil-{number}": 1})

    async def are_refused() -> bool:
        return not any([await redis.exists(f"arq:job:evil-{number}") for number in range(2)])

    await eventually(are_refused, within_s=30)
    async with Producer(redis_url) as producer:
        kept = await producer.send_later("alice", "support", "execute", message="Hello", defer_by=0)
        assert (await producer.result(kept, timeout_s=20)).status == "completed"
    assert not (tmp_path / "made").exists()
    assert worker.is_running()
    assert "housekeeping_stopped" not in worker.stderr


async def test_a_pickled_result_is_refused(redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path) -> None:
    async with Producer(redis_url) as producer:
        asking = producer.export_session("alice", "support", timeout_s=20)

        async def answer_with_a_pickle() -> None:
            keys = await eventually(lambda: redis.keys(f"arq:job:{EXPORT_JOB}:*"))
            assert json.loads(await redis.get(keys[0]))["f"] == EXPORT_JOB
            raw = pickle.dumps({"t": 1, "r": Payload(tmp_path / "made"), "s": True})
            await redis.set(keys[0].replace(b"arq:job:", b"arq:result:"), raw)

        asked, _ = await asyncio.gather(asking, answer_with_a_pickle(), return_exceptions=True)
    assert isinstance(asked, QueueUnavailable)
    assert "could not do the errand" in str(asked)
    assert not (tmp_path / "made").exists()
