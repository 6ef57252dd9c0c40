"""A worker says when it serves, and refuses to start with the exit code of the reason."""

import pytest

from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Wire
from tests.conftest import StartServer
from worker.embedded.process import free_port


async def test_a_worker_says_when_it_serves(own_wire: Wire, start_worker: StartWorker) -> None:
    worker = start_worker()
    ready = await worker.ready()
    assert worker.stdout.splitlines()[0].startswith("READY worker_id=")
    assert len(worker.stdout.splitlines()) == 1
    assert ready["worker_id"]
    assert ready["shards"] == "1"
    assert await own_wire.redis.hgetall("swarmline:meta") == {b"protocol": b"1", b"shards": b"1"}


async def test_every_start_has_a_worker_id_of_its_own(start_worker: StartWorker) -> None:
    ids = [(await start_worker().ready())["worker_id"] for _ in range(2)]
    assert len(set(ids)) == 2


async def test_no_redis_at_the_start_is_69(start_worker: StartWorker) -> None:
    worker = start_worker("--redis-url", f"redis://127.0.0.1:{free_port()}")
    assert await worker.ended() == 69
    assert "READY" not in worker.stdout
    assert "Traceback" not in worker.stderr


async def test_another_number_of_shards_is_78(own_wire: Wire, start_worker: StartWorker) -> None:
    await start_worker("--shards", "2").ready()
    stranger = start_worker("--shards", "3")
    assert await stranger.ended() == 78
    assert "shards" in stranger.stderr
    assert "Traceback" not in stranger.stderr
    assert await own_wire.redis.hget("swarmline:meta", "shards") == b"2"


async def test_another_protocol_version_is_78(own_wire: Wire, start_worker: StartWorker) -> None:
    await own_wire.redis.hset("swarmline:meta", mapping={"protocol": "2", "shards": "1"})
    stranger = start_worker()
    assert await stranger.ended() == 78
    assert "protocol" in stranger.stderr


async def test_a_server_that_may_evict_keys_is_78(start_server: StartServer, start_worker: StartWorker) -> None:
    server = start_server(options=("--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"))
    worker = start_worker("--redis-url", server.url)
    assert await worker.ended() == 78
    assert "maxmemory-policy" in worker.stderr
    assert "noeviction" in worker.stderr
    await start_worker("--redis-url", server.url, SWARMLINE_ALLOW_EVICTION="true").ready()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--app", "tests.acceptance.app:nothing"), 78),
        (("--app", "tests.acceptance.nowhere:app"), 78),
        (("--shards", "0"), 78),
        (("--namespace", "with space"), 78),
        (("--colour", "red"), 2),
    ],
)
async def test_what_can_not_be_understood_is_no_start(
    arguments: tuple[str, ...], code: int, start_worker: StartWorker
) -> None:
    worker = start_worker(*arguments)
    assert await worker.ended() == code
    assert worker.stderr.strip()
    assert "READY" not in worker.stdout
