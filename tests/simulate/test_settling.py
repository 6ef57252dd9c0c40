"""When a run is at rest: nothing waits, nothing is held, nothing ends by its time while the workers leave."""

from pathlib import Path
from typing import Any, cast

import pytest
import redis.asyncio as redis_asyncio

from tests.store.stage import Stage, finish
from worker.simulate.connection import connect
from worker.simulate.history import History
from worker.simulate.keyspace import inspector
from worker.simulate.settling import DUE_SOON_MS, Settling, under_way, unrest

HOUR_MS = 3_600_000


@pytest.fixture
async def stage(redis: redis_asyncio.Redis, redis_url: str) -> Any:
    stage = Stage(redis, redis_url)
    await stage.announce()
    yield stage
    await stage.close()


async def idle_session(stage: Stage, *, ttl_ms: int) -> None:
    """Let one turn of one session be committed."""
    worker = await stage.worker("w1")
    await stage.push("r1")
    await worker.commit(finish(await worker.claim_one(), ttl_ms=ttl_ms))


async def test_a_session_that_is_idle_for_long_is_at_rest(stage: Stage, redis_url: str) -> None:
    await idle_session(stage, ttl_ms=HOUR_MS)
    assert unrest(inspector(redis_url)) == []


async def test_a_session_whose_time_ends_soon_is_not_at_rest(stage: Stage, redis_url: str) -> None:
    await idle_session(stage, ttl_ms=DUE_SOON_MS // 2)
    assert unrest(inspector(redis_url)) == ["1 sessions are still to be disposed"]


async def test_what_waits_in_line_is_named_with_its_requests(stage: Stage, redis_url: str) -> None:
    worker = await stage.worker("w1")
    await stage.push("r1")
    await worker.claim(0)
    assert unrest(inspector(redis_url)) == [f"support:alice (ready, waiting: r1) is left in {stage.keys.ready}"]


async def test_a_name_in_line_whose_session_is_gone_is_left_over(stage: Stage, redis_url: str) -> None:
    await stage.redis.rpush(stage.keys.ready, "support:bob")
    assert under_way(inspector(redis_url)) == [f"support:bob (gone, waiting: nothing) is left in {stage.keys.ready}"]


async def test_a_held_session_is_not_at_rest(stage: Stage, redis_url: str) -> None:
    worker = await stage.worker("w1")
    await stage.push("r1")
    await worker.claim_one()
    assert unrest(inspector(redis_url)) == [f"{stage.keys.held('w1')} is left"]


async def test_waiting_for_replies_ends_when_no_more_of_them_come(stage: Stage, redis_url: str, tmp_path: Path) -> None:
    history = History(tmp_path, "p0")
    history.note("invoke", "send", id="r1", sid="support:alice", kind="execute", message="say 0 r1")
    history.note("ok", "send", id="r1", entry="1-1")
    history.close()
    connection = connect(redis_url)
    settling = Settling(cast("Any", None), connection, tmp_path, within_s=0.1)
    assert not await settling.wait_for_replies()
    await idle_session(stage, ttl_ms=HOUR_MS)
    assert await settling.wait_for_replies()
    await connection.aclose()
