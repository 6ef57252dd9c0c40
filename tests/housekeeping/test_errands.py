"""Long work in short slices: each may run twice, each asks for the next, and all of it is done in the end."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio as redis_asyncio
from arq.worker import Retry

from producers import Producer, QueueUnavailable
from schemas.dead_letters import DeadReason
from schemas.errands import DisposeOrder, RedriveOrder
from schemas.keyspace import ShardKeys, sid_of
from schemas.names import shard_of
from tests.helpers.eventually import eventually
from tests.housekeeping.recording import Seen
from worker.housekeeping.archive import LETTERS, Archive
from worker.housekeeping.chores import HOUSEHOLD, timetable
from worker.housekeeping.errands import dispose_swarm, errands, export_session, redrive_dead_letters
from worker.housekeeping.later import jobs
from worker.housekeeping.outlet import Outlet
from worker.housekeeping.supervise import HousekeepingPlan, supervise_housekeeping

SHARDS = 4
ROOT = "0123456789abcdef" * 2

pytestmark = pytest.mark.unguarded_keyspace  # half of a session is enough here, and arq keeps its own books

MakeArchive = Callable[[int], Archive]


@pytest.fixture
async def archive_of(redis: redis_asyncio.Redis, redis_url: str) -> AsyncIterator[MakeArchive]:
    """Hand out a maker of archives for a namespace with so many shards."""
    made: list[Archive | Outlet] = []
    await redis.hset("swarmline:meta", mapping={"protocol": "1", "shards": str(SHARDS)})

    def make(shards: int = SHARDS) -> Archive:
        outlet = Outlet(redis_url, "swarmline", shards)
        made.extend((outlet, Archive(redis_url, "swarmline", outlet)))
        return made[-1]  # pyright: ignore[reportReturnType]

    yield make
    for part in made:
        await part.close()


async def write_sessions(redis: redis_asyncio.Redis, swarm: str, count: int) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            client = f"client-{number}"
            keys = ShardKeys("swarmline", shard_of(client, SHARDS))
            pipe.hset(keys.session(sid_of(swarm, client)), mapping={"status": "idle"})
        await pipe.execute()


async def bury(redis: redis_asyncio.Redis, shard: int, count: int, reason: DeadReason = DeadReason.BAD_REQUEST) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            fields = {"reason": reason.value, "error": "e", "attempts": "1", "atMs": "1", "orig.clientId": "alice"}
            fields |= {"orig.requestId": f"{reason}-{shard}-{number}", "orig.swarmName": "support"}
            pipe.xadd(ShardKeys("swarmline", shard).dead, fields)  # pyright: ignore[reportArgumentType]
        await pipe.execute()


async def requests(redis: redis_asyncio.Redis) -> list[dict[str, str]]:
    entries = [entry for shard in range(SHARDS) for entry in await redis.xrange(ShardKeys("swarmline", shard).requests)]
    return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in entries]


async def test_every_session_of_a_swarm_is_asked_once_however_often_a_slice_runs(
    redis: redis_asyncio.Redis, archive_of: MakeArchive
) -> None:
    await write_sessions(redis, "support", 3000)
    await write_sessions(redis, "sales", 50)
    archive, slices = archive_of(SHARDS), 0
    order: DisposeOrder | None = DisposeOrder(root=ROOT, swarm_name="support", force=True)
    while order is not None:
        await archive.dispose_some(order)
        order = await archive.dispose_some(order)
        slices += 1
    asked = await requests(redis)
    ids = {request["clientId"]: request["requestId"] for request in asked}
    assert len(ids) == 3000
    assert {(request["clientId"], request["requestId"]) for request in asked} == set(ids.items())
    assert len(set(ids.values())) == 3000
    assert {(request["kind"], request["swarmName"], request["force"]) for request in asked} == {
        ("dispose", "support", "1")
    }
    assert slices > SHARDS


async def test_dead_letters_are_sent_again_page_by_page_and_new_ones_wait(
    redis: redis_asyncio.Redis, archive_of: MakeArchive
) -> None:
    await bury(redis, 0, 2 * LETTERS + 10)
    await bury(redis, 0, 5, DeadReason.MALFORMED)
    await bury(redis, 3, 7)
    archive, slices = archive_of(SHARDS), 0
    order: RedriveOrder | None = RedriveOrder(root=ROOT, reason=DeadReason.BAD_REQUEST, swarm_name="support")
    while order is not None:
        order = await archive.redrive_some(order)
        slices += 1
        if slices == 1:
            seconds, _ = await redis.time()
            late = {"reason": "bad_request", "error": "", "attempts": "1", "atMs": "1", "orig.swarmName": "support"}
            await redis.xadd(ShardKeys("swarmline", 0).dead, late, id=f"{(seconds + 1) * 1000}-0")  # pyright: ignore[reportArgumentType]
    again = [request["requestId"] for request in await requests(redis)]
    assert len(again) == len(set(again)) == 2 * LETTERS + 17
    assert all(request_id.endswith(".r1") for request_id in again)
    assert await redis.xlen(ShardKeys("swarmline", 0).dead) == 6
    assert await redis.xlen(ShardKeys("swarmline", 3).dead) == 0
    assert slices >= SHARDS + 2


@pytest.mark.parametrize("errand", [redrive_dead_letters, dispose_swarm, export_session])
@pytest.mark.parametrize(
    "fields",
    [None, 3, "x", {}, {"root": "r", "swarmName": "*"}, {"root": ROOT, "swarmName": "a b", "clientId": "*"}],
    ids=str,
)
async def test_a_job_that_nobody_could_have_asked_for_does_nothing(
    redis: redis_asyncio.Redis, archive_of: MakeArchive, errand: Callable[..., object], fields: object
) -> None:
    await write_sessions(redis, "support", 3)
    await bury(redis, 0, 3)
    before = await redis.dbsize()
    context = {HOUSEHOLD: Seen(archive=archive_of(SHARDS)).household, "redis": None}
    await errand(context, fields)  # type: ignore[misc]
    assert await redis.dbsize() == before
    assert await requests(redis) == []


async def test_without_redis_an_errand_waits() -> None:
    outlet = Outlet("redis://127.0.0.1:1", "swarmline", 1)
    seen = Seen(archive=Archive("redis://127.0.0.1:1", "swarmline", outlet))
    with pytest.raises(Retry):
        await dispose_swarm({HOUSEHOLD: seen.household}, {"root": ROOT, "swarmName": "support"})
    assert seen.unavailable == ["dispose_swarm"]


async def test_a_worker_without_archive_leaves_an_errand_to_another() -> None:
    with pytest.raises(Retry):
        await export_session({HOUSEHOLD: Seen().household}, {"clientId": "alice", "swarmName": "support"})


def test_a_process_that_is_killed_hides_its_job_for_less_than_a_minute() -> None:
    functions = [*jobs(), *errands()]
    assert {function.name for function in functions} == {
        "send_later",
        "redrive_dead_letters",
        "dispose_swarm",
        "export_session",
    }
    limits_s = [function.timeout_s for function in functions]
    limits_s += [chore.timeout_s for chore in timetable("swarmline", sweep_every_s=2)]
    # arq keeps the mark of a job under way for 10 s longer than the job may take
    assert all(limit_s is not None and limit_s + 10 < 60 for limit_s in limits_s)


@pytest.fixture
async def producer(redis_url: str, archive_of: MakeArchive) -> AsyncIterator[Producer]:
    """Hand out a producer; housekeeping runs, and no worker."""
    archive = archive_of(SHARDS)
    plan = HousekeepingPlan(redis_url=redis_url, namespace="swarmline")
    running = asyncio.create_task(supervise_housekeeping(plan, Seen(archive=archive).household))
    async with Producer(redis_url) as producer:
        yield producer
    running.cancel()
    await asyncio.wait([running])


async def test_slices_follow_each_other_through_all_shards(redis: redis_asyncio.Redis, producer: Producer) -> None:
    await write_sessions(redis, "support", 40)
    await bury(redis, 2, 3)
    await producer.dispose_swarm("support")
    await producer.redrive_dead_letters(reason="bad_request")

    async def all_are_asked() -> bool:
        kinds = [request.get("kind") for request in await requests(redis)]
        return kinds.count("dispose") == 40 and len(kinds) == 43

    await eventually(all_are_asked, within_s=30)


async def test_a_session_is_exported_by_housekeeping(redis: redis_asyncio.Redis, producer: Producer) -> None:
    keys = ShardKeys("swarmline", shard_of("alice", SHARDS))
    await redis.hset(
        keys.session("support:alice"), mapping={"status": "idle", "turn": "2", "document": '{"states":{"a":1}}'}
    )
    await redis.rpush(keys.history("support:alice"), *[f'{{"role":"user","content":"{n}"}}' for n in range(2500)])
    exported = await producer.export_session("alice", "support")
    assert exported is not None
    assert (exported["turn"], exported["states"]) == (2, {"a": 1})
    assert isinstance(exported["history"], list)
    assert len(exported["history"]) == 2500
    assert await producer.export_session("nobody", "support") is None


async def test_without_housekeeping_an_export_says_so(redis_url: str) -> None:
    async with Producer(redis_url) as producer:
        with pytest.raises(QueueUnavailable, match="no housekeeping exported the session"):
            await producer.export_session("alice", "support", timeout_s=0.3)
