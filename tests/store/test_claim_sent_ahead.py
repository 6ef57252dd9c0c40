"""A claim sent ahead waits in Redis for a sign of work, and runs there at once."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from tests.helpers.eventually import eventually
from tests.store.stage import Stage, StagedWorker
from worker.errors import QueueUnavailable
from worker.store.claims import Claim
from worker.store.link import CommandRefused

Sent = asyncio.Task[Claim]
LONG_S = 30.0


@pytest.fixture
async def send_ahead(stage: Stage, worker: StagedWorker) -> Callable[[], Coroutine[None, None, Sent]]:
    await worker.store.bell.ensure_groups()

    async def is_waiting() -> bool:
        return (await stage.redis.info("clients"))["blocked_clients"] == 1

    async def send() -> Sent:
        number = worker.next("claim")
        sent = asyncio.create_task(worker.store.admit_and_claim(number, 10, 1, wait_s=LONG_S))
        await eventually(is_waiting)
        return sent

    return send


SendAhead = Callable[[], Coroutine[None, None, Sent]]


async def test_it_runs_at_the_next_request(stage: Stage, send_ahead: SendAhead) -> None:
    sent = await send_ahead()
    await stage.push("r-1")
    (session,) = (await sent).sessions
    assert session.requests[0].request_id == "r-1"


async def test_it_takes_all_that_came_in_one_go(stage: Stage, send_ahead: SendAhead) -> None:
    sent = await send_ahead()
    async with stage.redis.pipeline(transaction=True) as pipe:
        for number in range(5):
            fields = {"v": "1", "requestId": f"r-{number}", "clientId": f"c{number}", "swarmName": "support"}
            pipe.xadd(stage.keys.requests, fields | {"kind": "execute", "body": '{"message":"Hello"}'})
        await pipe.execute()
    assert len((await sent).sessions) == 5


async def test_it_runs_at_a_ring_for_work_without_a_request(
    stage: Stage, worker: StagedWorker, other: StagedWorker, send_ahead: SendAhead
) -> None:
    await stage.push("r-1")
    claimed = await other.claim_one()
    await worker.claim()
    sent = await send_ahead()
    assert await other.release(claimed) == ["ok"]
    assert [session.sid for session in (await sent).sessions] == [claimed.sid]


async def test_it_comes_back_empty_when_nothing_happens(worker: StagedWorker) -> None:
    await worker.store.bell.ensure_groups()
    assert (await worker.store.admit_and_claim(worker.next("claim"), 10, 1, wait_s=0.01)).sessions == []


async def test_without_its_group_it_runs_at_once_and_the_same_number_tells_what_it_took(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    number = worker.next("claim")
    with pytest.raises(CommandRefused) as refused:
        await worker.store.admit_and_claim(number, 10, 1, wait_s=LONG_S)
    assert refused.value.code == "NOGROUP"
    again = await worker.store.admit_and_claim(number, 0, 1)
    assert [session.sid for session in again.sessions] == ["support:alice"]


async def test_one_that_is_cut_off_never_runs(stage: Stage, worker: StagedWorker, send_ahead: SendAhead) -> None:
    sent = await send_ahead()
    sent.cancel()
    await asyncio.wait((sent,))
    assert (await worker.store.admit_and_claim(1, 0, 1)).sessions == []
    await stage.push("r-1")
    assert await stage.redis.smembers(stage.keys.held("w1")) == set()
    assert len((await worker.claim()).sessions) == 1


async def test_one_that_comes_after_a_younger_claim_takes_nothing(
    stage: Stage, worker: StagedWorker, send_ahead: SendAhead
) -> None:
    sent = await send_ahead()
    twin = await stage.worker("w1")
    await twin.store.admit_and_claim(worker.next("claim"), 10, 1)
    await stage.push("r-1")
    with pytest.raises(QueueUnavailable, match="younger"):
        await sent
    assert await stage.redis.xlen(stage.keys.requests) == 1, "nobody has admitted it"
    assert len((await worker.claim()).sessions) == 1
