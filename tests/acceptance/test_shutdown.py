"""A worker that is told to stop finishes what it can, hands back the rest at once, and says so with its exit code."""

import signal

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import PATIENCE_S, Wire
from tests.helpers.eventually import eventually, stays_so
from tests.helpers.processes import SwarmlineProcess

#: far longer than any test: whoever waits for a lease to end fails
LONG_LEASE = ("--lease-s", "3600")
LONG_STALL = {"SWARMLINE_MAX_LOOP_STALL_S": "3600"}


async def test_an_idle_worker_ends_with_0(own_wire: Wire, start_worker: StartWorker) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        worker = start_worker()
        await worker.ready()
        worker.send_signal(number)
        assert await worker.ended() == 0
    assert await own_wire.redis.zcard(own_wire.name("workers")) == 0


async def test_a_running_turn_is_finished_first(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    worker = start_worker()
    await worker.ready()
    running = await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    worker.send_signal(signal.SIGTERM)
    await _is_draining(worker)
    await stays_so(worker.is_running)
    assert (await own_wire.accepted(running))["status"] == "accepted"
    backstage.open(door)
    assert await worker.ended() == 0
    reply = await own_wire.result(running)
    assert reply is not None
    assert (reply["status"], reply["attempts"]) == ("completed", 1)


async def test_a_worker_that_drains_takes_nothing_new(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    old = start_worker()
    await old.ready()
    running = await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    old.send_signal(signal.SIGTERM)
    await _is_draining(old)
    behind = await own_wire.say("alice", "support", f"wait at {door}-2")
    other = await own_wire.say("bob", "support", f"wait at {door}-3")
    new = start_worker()
    await new.ready()
    assert await backstage.reached(f"{door}-3") == new.pid
    backstage.open(door)
    assert await backstage.reached(f"{door}-2") == new.pid
    assert await old.ended() == 0
    for name in (f"{door}-2", f"{door}-3"):
        backstage.open(name)
    for request_id in (running, behind, other):
        reply = await own_wire.reply_of(request_id)
        assert (reply["status"], reply["attempts"]) == ("completed", 1)


async def test_control_reaches_a_turn_of_a_worker_that_drains(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    worker = start_worker()
    await worker.ready()
    running = await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    worker.send_signal(signal.SIGTERM)
    await _is_draining(worker)
    assert (await own_wire.do("alice", "support", "cancel-output"))["status"] == "completed"
    assert (await own_wire.reply_of(running))["status"] == "cancelled"
    assert await worker.ended() == 0


async def test_what_does_not_end_in_time_is_handed_to_the_other_worker_at_once(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    impatient = LONG_STALL | {"SWARMLINE_SHUTDOWN_GRACE_S": "0"}
    workers = [start_worker(*LONG_LEASE, **impatient) for _ in range(2)]
    for worker in workers:
        await worker.ready()
    running = await own_wire.say("alice", "support", f"wait at {door}")
    behind = await own_wire.say("alice", "support", "count")
    pid = await backstage.reached(door)
    (first,) = [worker for worker in workers if worker.pid == pid]
    (second,) = [worker for worker in workers if worker.pid != pid]
    first.send_signal(signal.SIGTERM)
    assert await first.ended() == 75
    assert await backstage.reached(door, times=2) == second.pid
    backstage.open(door)
    replies = [await own_wire.reply_of(request_id) for request_id in (running, behind)]
    assert [(reply["status"], reply["turn"], reply["attempts"]) for reply in replies] == [
        ("completed", 1, 1),
        ("completed", 2, 1),
    ]
    assert await own_wire.outbox("alice", "support") == replies


async def test_handing_back_is_never_charged(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    impatient = LONG_STALL | {"SWARMLINE_SHUTDOWN_GRACE_S": "0"}
    running = await own_wire.say("alice", "support", f"tell one {door}")
    for times in range(1, 6):  # more often than a request may be tried
        worker = start_worker(*LONG_LEASE, **impatient)
        await worker.ready()
        await backstage.reached(door, times=times)
        worker.send_signal(signal.SIGTERM)
        assert await worker.ended() == 75
    await start_worker(*LONG_LEASE, **impatient).ready()
    backstage.open(door)
    reply = await own_wire.reply_of(running)
    assert (reply["status"], reply["attempts"]) == ("completed", 1)


async def test_the_live_events_of_a_handed_back_turn_are_told_apart_from_those_of_its_next_try(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    impatient = LONG_STALL | {"SWARMLINE_SHUTDOWN_GRACE_S": "0"}
    workers = [start_worker(*LONG_LEASE, **impatient) for _ in range(2)]
    for worker in workers:
        await worker.ready()
    async with own_wire.listen(own_wire.bus_channel("alice")) as bus:
        running = await own_wire.say("alice", "support", f"tell one {door}")
        pid = await backstage.reached(door)
        (first,) = [worker for worker in workers if worker.pid == pid]
        first.send_signal(signal.SIGTERM)
        await backstage.reached(door, times=2)
        backstage.open(door)
        heard = await bus.until(lambda event: event["type"] == "commit-execution-end")
    attempts = [event["attempt"] for event in heard if event["type"] == "commit-execution-begin"]
    assert attempts == [1, 2]
    assert (await own_wire.reply_of(running))["attempts"] == 1
    assert {event["attempt"] for event in await own_wire.events_of(running)} == {2}


async def test_a_second_signal_ends_the_waiting_at_once(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    worker = start_worker(*LONG_LEASE, **LONG_STALL, SWARMLINE_SHUTDOWN_GRACE_S="3600")
    await worker.ready()
    running = await own_wire.say("alice", "support", f"wait at {door}")
    await backstage.reached(door)
    worker.send_signal(signal.SIGTERM)
    await _is_draining(worker)
    worker.send_signal(signal.SIGTERM)
    assert await worker.ended() == 128 + signal.SIGTERM
    heir = start_worker()
    await heir.ready()
    assert await backstage.reached(door, times=2) == heir.pid
    backstage.open(door)
    assert (await own_wire.reply_of(running))["attempts"] == 1


async def test_a_worker_that_is_killed_loses_its_work_after_its_lease(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    workers = [start_worker("--lease-s", "1") for _ in range(2)]
    for worker in workers:
        await worker.ready()
    running = await own_wire.say("alice", "support", f"tell one {door}")
    pid = await backstage.reached(door)
    (first,) = [worker for worker in workers if worker.pid == pid]
    (second,) = [worker for worker in workers if worker.pid != pid]
    first.kill()
    backstage.open(door)
    assert await backstage.reached(door, times=2) == second.pid
    reply = await own_wire.reply_of(running)
    assert (reply["status"], reply["turn"], reply["attempts"]) == ("completed", 1, 2)
    # what the first attempt has sent is not sent again
    items = await own_wire.outbox("alice", "support")
    assert [item.get("data") for item in items] == ["one", door, None]


async def _is_draining(worker: SwarmlineProcess) -> None:
    await eventually(lambda: "draining" in worker.stderr, within_s=PATIENCE_S)
