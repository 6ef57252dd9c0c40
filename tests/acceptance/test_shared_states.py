"""States of all sessions: no update is lost, none is made twice, and they outlive every session."""

import asyncio

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Wire


async def test_updates_of_many_sessions_on_two_workers_all_count(own_wire: Wire, start_worker: StartWorker) -> None:
    for worker in (start_worker(), start_worker()):
        await worker.ready()
    clients = [f"client-{number}" for number in range(30)]
    replies = await asyncio.gather(*(own_wire.ask(client, "common", "share 5") for client in clients))
    assert {reply["status"] for reply in replies} == {"completed"}
    assert (await own_wire.ask("alice", "common", "share 0"))["output"] == "shared 150"


async def test_they_outlive_sessions_and_are_one_for_all_swarms_that_declare_them(
    own_wire: Wire, start_worker: StartWorker
) -> None:
    await start_worker().ready()
    await own_wire.ask("alice", "common", "share 3")
    await own_wire.do("alice", "common", "dispose")
    assert await own_wire.keys_of("alice") == []
    assert (await own_wire.ask("bob", "common-too", "share 1"))["output"] == "shared 4"


async def test_a_worker_that_dies_after_an_update_does_not_make_it_twice(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    first = start_worker("--lease-s", "1")
    await first.ready()
    running = await own_wire.say("alice", "common", f"share {door}")
    await backstage.reached(door)
    first.kill()
    await start_worker("--lease-s", "1").ready()
    assert (await own_wire.ask("bob", "common", "share 1"))["output"] == "shared 2"
    backstage.open(door)
    reply = await own_wire.reply_of(running)
    assert (reply["output"], reply["attempts"]) == ("shared 3", 2)


async def test_a_state_lives_in_one_shard_whichever_shard_a_client_belongs_to(
    start_worker: StartWorker, own_wire: Wire
) -> None:
    await start_worker(SWARMLINE_SHARDS="4").ready()
    for number, (client, shard) in enumerate({"alice": 3, "c0": 3, "c1": 1, "c2": 3, "клиент-7": 2}.items(), 1):
        wire = Wire(own_wire.redis, shard=shard)
        assert (await wire.ask(client, "common", "share 1"))["output"] == f"shared {number}"
