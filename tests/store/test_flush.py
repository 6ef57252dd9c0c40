"""A flush sends what a turn has to say before it ends, and keeps its journal, under the same fence as the commit."""

import json

import pytest

from tests.store.stage import SID, Ears, Stage, StagedWorker, finish
from worker.store.claims import ClaimedSession, NoLease
from worker.store.commits import LiveOutput

EMIT = '{"v":1,"type":"emit","data":"…"}'


def output(session: ClaimedSession, *, fence: str | None = None, **journal: str) -> LiveOutput:
    """Return one emit, two events and the journal given."""
    return LiveOutput(session.sid, session.fence if fence is None else fence, [EMIT], ["1", "2"], journal)


async def test_emits_are_numbered_kept_and_published(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    await stage.push("r-1")
    assert await worker.flush(output(await worker.claim_one())) == ["ok"]
    (item,) = await stage.outbox()
    assert (item["type"], item["data"]) == ("emit", "…")
    assert item["seq"] == int((await stage.session())["seq"])
    client, bus = stage.keys.client_channel(SID), stage.keys.bus_channel("alice")
    heard = await ears.heard()
    assert [channel for channel, _ in heard] == [client, bus, bus]
    assert [json.loads(heard[0][1]), heard[1][1], heard[2][1]] == [item, "1", "2"]


async def test_what_is_flushed_is_not_in_the_events_stream_before_its_commit(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.flush(output(await worker.claim_one()))
    assert await stage.redis.exists(stage.keys.events) == 0


async def test_seq_grows_from_a_flush_to_the_commit(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.flush(output(session), output(session))
    await worker.commit(finish(session))
    numbers = [item["seq"] for item in await stage.outbox()]
    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))


async def test_the_journal_is_given_to_who_takes_the_turn_over(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.flush(output(session, **{"r-1/step/1": "a", "r-1/emit/1": "b"}))
    await stage.reclaim(worker, other)
    again = await other.claim_one()
    assert again.stored.journal == {"r-1/step/1": "a", "r-1/emit/1": "b"}
    await other.commit(finish(again, journaled=True))
    assert await stage.redis.exists(stage.keys.journal(SID)) == 0


async def test_a_commit_clears_only_the_journal_of_its_own_requests(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-10"])
    session = await worker.claim_one()
    await worker.flush(output(session, **{"r-1/step/1": "a", "r-10/step/1": "b"}))
    await worker.commit(finish(session, 0, journaled=True))
    assert await stage.redis.hkeys(stage.keys.journal(SID)) == [b"r-10/step/1"]
    await worker.commit(finish(session, 1, journaled=True))


async def test_a_late_worker_sends_nothing(stage: Stage, worker: StagedWorker, other: StagedWorker, ears: Ears) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.reclaim(worker, other)
    await worker.renew(register=True)
    assert await worker.flush(output(session, **{"r-1/step/1": "a"})) == ["fenced"]
    assert await ears.heard() == []
    assert await stage.outbox() == []
    assert await stage.redis.exists(stage.keys.journal(SID)) == 0


async def test_one_fenced_item_hurts_no_other(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1", "alice")
    await stage.push("r-2", "bob")
    alice, bob = (await worker.claim()).sessions
    assert await worker.flush(output(alice, fence="1-"), output(bob)) == ["fenced", "ok"]
    assert (len(await stage.outbox()), len(await stage.outbox(bob.sid))) == (0, 1)


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["session", "outbox", "journal"])
async def test_a_key_of_a_wrong_type_sends_nothing(stage: Stage, worker: StagedWorker, ears: Ears, name: str) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    key = getattr(stage.keys, name)(SID)
    await stage.redis.delete(key)
    await stage.redis.set(key, "overwritten")
    before = {key: await stage.redis.dump(key) for key in await stage.keys_of()}
    assert await worker.flush(output(session, **{"r-1/step/1": "a"})) == ["wrong_type"]
    assert {key: await stage.redis.dump(key) for key in await stage.keys_of()} == before
    assert await ears.heard() == []


async def test_the_same_number_again_sends_nothing_again(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    first = await worker.store.flush(1, [output(session)])
    await ears.heard()
    assert (await worker.store.flush(1, [output(session)])).statuses == first.statuses
    assert await ears.heard() == []
    assert len(await stage.outbox()) == 1


async def test_a_lower_number_sends_nothing(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await worker.store.flush(2, [])
    assert (await worker.store.flush(1, [output(session)])).statuses == ["fenced"]
    assert await stage.outbox() == []


async def test_without_a_lease_nothing_is_sent(stage: Stage, worker: StagedWorker, ears: Ears) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    await stage.redis.zrem(stage.keys.workers, "w1")
    with pytest.raises(NoLease):
        await worker.flush(output(session))
    assert await ears.heard() == []
