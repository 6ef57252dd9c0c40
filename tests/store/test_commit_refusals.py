"""What a commit refuses: it writes nothing for that item, and the other items of the call as usual."""

import pytest

from tests.store.stage import SID, Ears, Stage, StagedWorker, ended, finish, reply_of
from worker.store.claims import ClaimedSession
from worker.store.commits import DeadLetter, Source


async def two_sessions(stage: Stage, worker: StagedWorker) -> tuple[ClaimedSession, ClaimedSession]:
    """Return alice and bob, both with a turn behind them and one under way."""
    for round_number in (1, 2):
        await stage.push(f"a-{round_number}", "alice")
        await stage.push(f"b-{round_number}", "bob")
        alice, bob = (await worker.claim()).sessions
        if round_number == 1:
            await worker.commit(finish(alice), finish(bob))
    return alice, bob


async def dump(stage: Stage) -> dict[str, bytes | None]:
    """Return everything that belongs to alice, her result included."""
    return {key: await stage.redis.dump(key) for key in [*await stage.keys_of(), stage.keys.result("a-2")]}


async def test_a_late_worker_is_fenced(stage: Stage, worker: StagedWorker, other: StagedWorker, ears: Ears) -> None:
    await stage.push("r-1")
    late = await worker.claim_one()
    await stage.reclaim(worker, other)
    await worker.renew(register=True)
    assert await worker.commit(finish(late)) == ["fenced"], "taken from it, and nobody has claimed it again yet"
    younger = await other.claim_one()
    before = await dump(stage)
    assert await worker.commit(finish(late)) == ["fenced"]
    assert await dump(stage) == before
    assert await ears.heard() == []
    assert await other.commit(finish(younger)) == ["ok"]


@pytest.mark.parametrize("fence", ["", "1", "1-0000000000000000", "2-"])
async def test_a_wrong_fence_writes_nothing_and_hurts_no_other_item(
    stage: Stage, worker: StagedWorker, fence: str
) -> None:
    alice, bob = await two_sessions(stage, worker)
    before = await dump(stage)
    assert await worker.commit(finish(alice, fence=fence), finish(bob)) == ["fenced", "ok"]
    assert await dump(stage) == before
    assert (await stage.session("support:bob"))["turn"] == "2"


async def test_a_session_that_is_gone_is_fenced(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    assert await worker.commit(finish(session, dispose=True)) == ["ok"]
    assert await worker.commit(finish(session)) == ["fenced"]
    assert await stage.keys_of() == []


async def test_a_released_session_is_not_written_again(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    session = await worker.claim_one()
    assert await worker.commit(finish(session)) == ["ok"]
    assert await worker.commit(finish(session)) == ["fenced"]
    assert len(await stage.outbox()) == 1


async def test_a_request_that_is_not_at_the_head_is_not_committed(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    before = await dump(stage)
    assert await worker.commit(finish(session, 1)) == ["moved"]
    assert await dump(stage) == before


async def test_an_id_that_only_begins_like_the_head_is_not_the_head(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-10")
    session = await worker.claim_one()
    shorter = [ended("r-1", "{}", "", sequenced=True)]
    assert await worker.commit(finish(session, requests=shorter)) == ["moved"]
    assert await stage.redis.exists(stage.keys.result("r-1")) == 0


async def test_one_of_several_requests_that_is_not_there_refuses_the_item(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    requests = [ended(request_id, "{}", "", sequenced=True) for request_id in ("r-1", "r-3")]
    assert await worker.commit(finish(session, requests=requests)) == ["moved"]
    assert len(await worker.store.mailbox_of(SID)) == 2


async def test_the_named_list_must_hold_the_request(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    wrong = [ended("c-1", "{}", "", sequenced=True)]
    assert await worker.commit(finish(session, requests=wrong)) == ["moved"]
    assert await worker.commit(finish(session, source=Source.CONTROL, opens=False, release=False)) == ["ok"]
    assert await worker.commit(finish(session)) == ["ok"]


async def test_a_refused_turn_refuses_the_later_turns_of_its_session(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2", "r-3"])
    session = await worker.claim_one()
    assert await worker.commit(finish(session, 1), finish(session, 0)) == ["moved", "fenced"]
    assert len(await worker.store.mailbox_of(SID)) == 3


DAMAGED = ["session", "mailbox", "history", "outbox", "journal", "banned"]


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", DAMAGED)
async def test_a_key_of_a_wrong_type_writes_nothing_and_hurts_no_other_item(
    stage: Stage, worker: StagedWorker, ears: Ears, name: str
) -> None:
    alice, bob = await two_sessions(stage, worker)
    await ears.heard()
    key = getattr(stage.keys, name)(SID)
    await stage.redis.delete(key)
    await stage.redis.set(key, "overwritten")
    before = await dump(stage)
    turn = finish(alice, journaled=True, bans=[("calm", True)], events=["1"], out=['{"type":"emit"}'])
    assert await worker.commit(turn, finish(bob)) == ["wrong_type", "ok"]
    assert await dump(stage) == before
    assert await stage.names(stage.keys.bans) == []
    assert {channel for channel, _ in await ears.heard()} == {stage.keys.client_channel("support:bob")}
    assert (await stage.result("b-2"))["status"] == "completed"


@pytest.mark.unguarded_keyspace
async def test_a_control_list_of_a_wrong_type_writes_nothing(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    await stage.redis.delete(stage.keys.control(SID))
    await stage.redis.set(stage.keys.control(SID), "overwritten")
    before = await dump(stage)
    assert await worker.commit(finish(session, source=Source.CONTROL)) == ["wrong_type"]
    assert await dump(stage) == before


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["held", "ready", "sessions", "events", "dead", "bans"])
async def test_an_index_of_a_wrong_type_costs_no_turn(stage: Stage, worker: StagedWorker, name: str) -> None:
    """Every item is written or none is: an index that cannot be written must not stop a call half-way."""
    alice, bob = await two_sessions(stage, worker)
    key = stage.keys.held("w1") if name == "held" else getattr(stage.keys, name)
    await stage.redis.delete(key)
    await stage.redis.set(key, "overwritten")
    before = await dump(stage)
    turn = finish(alice, bans=[("calm", True)], events=["1"], dead=DeadLetter("bad_request", "", 1))
    with pytest.raises(Exception, match="wrong kind"):
        await worker.commit(turn, finish(bob))
    assert await dump(stage) == before


@pytest.mark.unguarded_keyspace
async def test_no_reply_of_many_is_written_when_the_outbox_is_damaged(stage: Stage, worker: StagedWorker) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await stage.redis.set(stage.keys.outbox(SID), "somebody's")
    requests = [
        ended("r-1", reply_of("r-1"), "", sequenced=False),
        ended("r-2", reply_of("r-2"), "", sequenced=True),
    ]
    assert await worker.commit(finish(session, requests=requests, release=True)) == ["wrong_type"]
    assert (await stage.result("r-1"))["status"] == "accepted"
    assert await stage.redis.pttl(stage.keys.result("r-1")) == -1


@pytest.mark.unguarded_keyspace
async def test_control_of_a_session_whose_mailbox_is_damaged_is_not_committed(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one()))
    await stage.push("c-1", kind="notify")
    session = await worker.claim_one()
    await stage.redis.set(stage.keys.mailbox(SID), "somebody's")
    item = finish(session, source=Source.CONTROL, opens=False, records=[])
    assert await worker.commit(item) == ["wrong_type"]
    assert [request.request_id for request in await worker.store.control_of(SID)] == ["c-1"]
    assert await stage.names(stage.keys.held("w1")) == [SID]


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("name", ["history", "outbox"])
async def test_a_turn_is_not_committed_after_one_that_could_not_be_written(
    stage: Stage, worker: StagedWorker, name: str
) -> None:
    await stage.push_all(["r-1", "r-2"])
    session = await worker.claim_one()
    await stage.redis.set(getattr(stage.keys, name)(SID), "somebody's")
    requests = [ended("r-2", '{"seq":null}', "", sequenced=False)]
    second = finish(session, 1, requests=requests, opens=False, records=[])
    assert await worker.commit(finish(session, 0), second) == ["wrong_type", "fenced"]
    assert [request.request_id for request in await worker.store.mailbox_of(SID)] == ["r-1", "r-2"]
