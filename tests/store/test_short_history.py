"""The history of a session that had one turn is a text; whatever the session does next, its records are all there."""

import pytest

from tests.store.stage import SID, TTL_MS, Stage, StagedWorker, finish
from worker.store.claims import ClaimedSession
from worker.store.commits import Source

QUESTION, ANSWER = '["user","triage","Hello\\nAnna"]', '["assistant","triage","Hi!"]'
TURN = [QUESTION, ANSWER]


async def after_one_turn(stage: Stage, worker: StagedWorker) -> None:
    """Let the session have one plain turn."""
    await stage.push("r-1")
    assert await worker.commit(finish(await worker.claim_one(), records=TURN)) == ["ok"]
    assert await stage.redis.type(stage.keys.history(SID)) == b"string"


async def next_turn(stage: Stage, worker: StagedWorker) -> ClaimedSession:
    """Have the next request of the session claimed."""
    await stage.push("r-2")
    return await worker.claim_one()


async def life_ms(stage: Stage) -> int:
    return await stage.redis.pttl(stage.keys.history(SID))


async def test_two_records_of_a_first_turn_are_one_text_that_expires(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    assert await stage.redis.get(stage.keys.history(SID)) == "\n".join(TURN).encode()
    assert await life_ms(stage) > TTL_MS


async def test_the_next_claim_brings_both_records(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    assert (await next_turn(stage, worker)).stored.history == [record.encode() for record in TURN]


async def test_a_second_turn_makes_a_list_of_them_that_expires_as_before(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    await worker.commit(finish(await next_turn(stage, worker), records=["[1]", "[2]"]))
    assert await stage.names(stage.keys.history(SID)) == [*TURN, "[1]", "[2]"]
    assert await life_ms(stage) > TTL_MS
    await stage.push("r-3")
    assert len((await worker.claim_one()).stored.history) == 4


async def test_a_second_turn_without_records_makes_a_list_too(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    await worker.commit(finish(await next_turn(stage, worker), records=[]))
    assert await stage.names(stage.keys.history(SID)) == TURN
    assert await life_ms(stage) > TTL_MS


async def test_a_list_of_a_session_that_waits_does_not_expire(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    claimed = await next_turn(stage, worker)
    await stage.push("r-3")
    await worker.claim(0)
    await worker.commit(finish(claimed))
    assert await life_ms(stage) == -1


@pytest.mark.parametrize("opens", [True, False])
async def test_what_is_no_turn_leaves_the_text_alone(stage: Stage, worker: StagedWorker, *, opens: bool) -> None:
    await after_one_turn(stage, worker)
    await stage.push("c-1", kind="notify")
    control = finish(await worker.claim_one(), source=Source.CONTROL, opens=opens, records=[], turn=1)
    assert await worker.commit(control) == ["ok"]
    assert await stage.redis.type(stage.keys.history(SID)) == b"string"


@pytest.mark.parametrize("records", [["[1]"], ["[1]", "[2]", "[3]"]])
async def test_another_number_of_records_is_a_list_from_the_start(
    stage: Stage, worker: StagedWorker, records: list[str]
) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), records=records))
    assert await stage.names(stage.keys.history(SID)) == records


async def test_the_records_of_a_session_that_goes_on_are_a_list_from_the_start(
    stage: Stage, worker: StagedWorker
) -> None:
    await stage.push_all(["r-1", "r-2"])
    claimed = await worker.claim_one()
    await worker.commit(*(finish(claimed, index, records=TURN) for index in range(2)))
    assert await stage.names(stage.keys.history(SID)) == TURN * 2


async def test_a_history_that_may_keep_one_record_keeps_the_newest(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    await worker.commit(finish(await worker.claim_one(), records=TURN, history_max=1))
    assert await stage.names(stage.keys.history(SID)) == [ANSWER]


async def test_a_second_turn_whose_holder_died_finds_both_records(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await after_one_turn(stage, worker)
    await next_turn(stage, worker)
    await stage.reclaim(worker, other)
    again = await other.claim_one()
    assert (again.attempts, again.stored.history) == (2, [record.encode() for record in TURN])
    assert await other.commit(finish(again, records=TURN)) == ["ok"]
    assert await stage.names(stage.keys.history(SID)) == TURN * 2


async def test_a_session_whose_own_key_was_deleted_takes_its_records_along(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    await stage.redis.delete(stage.keys.session(SID))
    await worker.commit(finish(await next_turn(stage, worker), records=TURN))
    assert await stage.names(stage.keys.history(SID)) == TURN * 2


@pytest.mark.unguarded_keyspace
async def test_a_first_turn_that_is_refused_for_its_outbox_leaves_no_text(stage: Stage, worker: StagedWorker) -> None:
    await stage.push("r-1")
    claimed = await worker.claim_one()
    await stage.redis.set(stage.keys.outbox(SID), "somebody's")
    assert await worker.commit(finish(claimed, records=TURN)) == ["wrong_type"]
    assert not await stage.redis.exists(stage.keys.history(SID))


@pytest.mark.unguarded_keyspace
@pytest.mark.parametrize("records", [TURN, []])
async def test_a_second_turn_that_is_refused_for_its_outbox_leaves_both_records(
    stage: Stage, worker: StagedWorker, records: list[str]
) -> None:
    await after_one_turn(stage, worker)
    claimed = await next_turn(stage, worker)
    await stage.redis.delete(stage.keys.outbox(SID))
    await stage.redis.set(stage.keys.outbox(SID), "somebody's")
    assert await worker.commit(finish(claimed, records=records)) == ["wrong_type"]
    assert await stage.names(stage.keys.history(SID)) == TURN
    assert await life_ms(stage) > TTL_MS


@pytest.mark.unguarded_keyspace
async def test_a_text_of_somebody_else_sets_the_session_aside(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await after_one_turn(stage, worker)
    await stage.redis.set(stage.keys.history(SID), "overwritten")
    await stage.push("r-2")
    assert (await other.claim()).set_aside == [(SID, stage.keys.history(SID))]


@pytest.mark.unguarded_keyspace
async def test_a_text_that_somebody_wrote_while_a_turn_ran_is_not_touched(stage: Stage, worker: StagedWorker) -> None:
    await after_one_turn(stage, worker)
    claimed = await next_turn(stage, worker)
    await stage.redis.set(stage.keys.history(SID), "overwritten")
    assert await worker.commit(finish(claimed, records=TURN)) == ["wrong_type"]
    assert await stage.redis.get(stage.keys.history(SID)) == b"overwritten"
