"""A session that its last holder claims again is not read and sent once more, if that holder provably remembers it."""

import pytest

from tests.store.stage import RECORD, SID, Stage, StagedWorker, finish, session_after
from worker.core.session import Session
from worker.store.commits import Source
from worker.store.kept import MARGIN_US, KeptSessions

NOW_MS = 1_795_365_314_101


async def take_a_turn(stage: Stage, worker: StagedWorker, request_id: str = "r-1", **changes: object) -> Session:
    """Let a worker take one turn and remember the session."""
    await stage.push(request_id)
    claimed = await worker.claim_one()
    session = session_after(claimed)
    worker.store.kept.keep(SID, session, 0)
    assert await worker.commit(finish(claimed, **changes)) == ["ok"]
    return session


async def test_the_last_holder_gets_its_session_back_as_it_left_it(stage: Stage, worker: StagedWorker) -> None:
    session = await take_a_turn(stage, worker)
    await stage.push("r-2")
    claimed = await worker.claim_one()
    assert claimed.kept is session
    assert (claimed.turn, claimed.stored.history) == (1, ())
    assert [request.request_id for request in claimed.requests] == ["r-2"]


async def test_a_session_that_somebody_else_held_meanwhile_is_read(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await take_a_turn(stage, worker)
    await take_a_turn(stage, other, "r-2")
    await stage.push("r-3")
    claimed = await worker.claim_one()
    assert (claimed.kept, claimed.turn, claimed.stored.history) == (None, 2, [RECORD.encode()] * 2)


async def test_a_session_that_somebody_else_held_and_handed_back_is_read(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await take_a_turn(stage, worker)
    await stage.push("r-2")
    await other.release(await other.claim_one())
    claimed = await worker.claim_one()
    assert (claimed.kept, claimed.turn, len(claimed.stored.history)) == (None, 1, 1)


async def test_a_session_that_was_disposed_meanwhile_is_fresh(
    stage: Stage, worker: StagedWorker, other: StagedWorker
) -> None:
    await take_a_turn(stage, worker)
    await stage.push("d-1", kind="dispose")
    await other.commit(finish(await other.claim_one(), dispose=True))
    await stage.push("r-2")
    claimed = await worker.claim_one()
    assert (claimed.kept, claimed.turn, claimed.stored.history) == (None, 0, [])


async def test_what_is_not_remembered_after_all_is_read_by_repeating_the_claim(
    stage: Stage, worker: StagedWorker
) -> None:
    await take_a_turn(stage, worker, document='{"states":{}}', bans=[("calm", True)])
    worker.store.kept = KeptSessions()
    await stage.push("r-2")
    await stage.push("r-3", "bob")
    claim = await worker.claim()
    alice, bob = sorted(claim.sessions, key=lambda session: session.client_id)
    assert (alice.turn, alice.stored.document, alice.stored.history) == (1, b'{"states":{}}', [RECORD.encode()])
    assert (alice.stored.banned, alice.attempts, bob.client_id) == ({"calm"}, 1, "bob")
    assert (claim.admitted, claim.verdicts) == (2, {"accepted": 2})
    assert await worker.commit(finish(alice), finish(bob)) == ["ok", "ok"]


async def test_another_number_of_turns_is_not_what_is_remembered(stage: Stage, worker: StagedWorker) -> None:
    session = await take_a_turn(stage, worker)
    session.turn = 7
    await stage.push("r-2")
    claimed = await worker.claim_one()
    assert (claimed.kept, claimed.turn, len(claimed.stored.history)) == (None, 1, 1)


async def test_what_the_worker_had_to_forget_is_read_at_once(stage: Stage, worker: StagedWorker) -> None:
    await take_a_turn(stage, worker)
    worker.store.kept = KeptSessions()
    worker.store.kept.since_us = 1 << 60
    await stage.push("r-2")
    assert len((await worker.claim_one()).stored.history) == 1


async def test_what_is_kept_ends_with_the_next_claim(stage: Stage, worker: StagedWorker, other: StagedWorker) -> None:
    """Or a ban of another holder, which is no turn, would be forgotten by who held the session before and after."""
    await take_a_turn(stage, worker)
    await stage.push("c-1", kind="ban")
    ban = finish(await other.claim_one(), source=Source.CONTROL, opens=False, records=[], bans=[("calm", True)])
    await other.commit(ban)
    await stage.push("r-2", kind="event")
    claimed = await worker.claim_one()
    assert (claimed.kept, claimed.stored.banned) == (None, {"calm"})
    await worker.commit(finish(claimed, opens=False, records=[]))
    await stage.push("r-3")
    again = await worker.claim_one()
    assert (again.kept, again.stored.banned) == (None, {"calm"})


async def test_a_repeated_claim_brings_everything(stage: Stage, worker: StagedWorker) -> None:
    await take_a_turn(stage, worker)
    await stage.push("r-2")
    assert (await worker.store.admit_and_claim(7, 10, 1)).sessions[0].kept is not None
    again = await worker.store.admit_and_claim(7, 10, 1)
    assert (again.sessions[0].kept, len(again.sessions[0].stored.history)) == (None, 1)


def remembered(turn: int = 1, records: int = 0) -> Session:
    session = Session(client_id="alice", swarm_name="support", default_agent="triage")
    session.turn = turn
    session.remember(["x" * 1000] * records, window=records)
    return session


def test_the_oldest_are_forgotten_first_and_it_is_known_up_to_when() -> None:
    kept = KeptSessions(max_bytes=10_000)
    for number in range(5):
        kept.keep(f"s:{number}", remembered(records=1), NOW_MS + number)
    assert kept.since_us == NOW_MS * 1000 + MARGIN_US
    assert kept.take("s:0", 1) is None
    assert kept.take("s:1", 1) is not None


def test_a_session_is_given_out_once() -> None:
    kept = KeptSessions()
    kept.keep("s:1", remembered(), NOW_MS)
    assert kept.take("s:1", 1) is not None
    assert kept.take("s:1", 1) is None


@pytest.mark.parametrize("state", [{"a": "x" * 5000}])
def test_states_count_for_the_size(state: dict[str, str]) -> None:
    kept = KeptSessions(max_bytes=10_000)
    session = remembered()
    session.states = {"calm": state}
    kept.keep("s:1", session, NOW_MS)
    assert kept.take("s:1", 1) is None
