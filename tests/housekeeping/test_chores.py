"""A chore goes over all shards, and one shard that is away does not stop it."""

import asyncio
from dataclasses import replace

import pytest

from tests.housekeeping.recording import RecordingHousekeeper, Seen
from worker.housekeeping.chores import (
    HOUSEHOLD,
    reclaim_dead_workers,
    sweep_expired_sessions,
    timetable,
    trim_streams,
)


@pytest.mark.parametrize(
    ("chore", "name"),
    [(sweep_expired_sessions, "sweep"), (reclaim_dead_workers, "reclaim"), (trim_streams, "trim")],
)
async def test_a_chore_is_done_on_every_shard(chore: object, name: str) -> None:
    seen = Seen(RecordingHousekeeper(), RecordingHousekeeper())
    assert await chore({HOUSEHOLD: seen.household}) == 2  # pyright: ignore[reportCallIssue]
    assert [housekeeper.done for housekeeper in seen.housekeepers] == [[name], [name]]


async def test_who_leaves_asks_no_session_to_dispose() -> None:
    seen = Seen(RecordingHousekeeper())
    assert await sweep_expired_sessions({HOUSEHOLD: replace(seen.household, may_sweep=lambda: False)}) == 0
    assert seen.count("sweep") == 0


async def test_a_shard_that_is_away_does_not_stop_the_others() -> None:
    seen = Seen(RecordingHousekeeper(away=True), RecordingHousekeeper())
    assert await sweep_expired_sessions({HOUSEHOLD: seen.household}) == 1
    assert seen.unavailable == ["sweep"]


async def test_a_bug_in_a_chore_is_not_taken_for_an_outage() -> None:
    class Broken(RecordingHousekeeper):
        async def sweep(self) -> int:
            raise LookupError

    seen = Seen(Broken())
    with pytest.raises(LookupError):
        await sweep_expired_sessions({HOUSEHOLD: seen.household})
    assert seen.unavailable == []


def test_each_chore_is_one_job_for_all_workers_with_the_namespace_in_its_name() -> None:
    jobs = timetable("shop", sweep_every_s=2)
    assert [job.name for job in jobs] == [
        "shop:sweep_expired_sessions",
        "shop:reclaim_dead_workers",
        "shop:trim_streams",
    ]
    assert all(job.unique and job.max_tries == 1 and job.keep_result_s == 0 for job in jobs)
    assert jobs[0].second == set(range(0, 60, 2))


async def test_chores_that_are_due_together_do_not_share_a_connection_at_once() -> None:
    class OneAtATime(RecordingHousekeeper):
        busy = False

        async def sweep(self) -> int:
            assert not self.busy
            self.busy = True
            await asyncio.to_thread(int)
            self.busy = False
            return 1

    context = {HOUSEHOLD: Seen(OneAtATime()).household}
    assert await asyncio.gather(sweep_expired_sessions(context), sweep_expired_sessions(context)) == [1, 1]
