"""Namespaces don't see each other, and a namespace may be spread over shards."""

from binascii import crc32
from dataclasses import replace

import pytest

from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Wire

VECTORS = {"alice": 7, "клиент-7": 2, "c0": 7, "c1": 1, "c2": 11, "c3": 13}


@pytest.mark.parametrize(("client_id", "shard"), VECTORS.items())
async def test_clients_are_served_on_their_shard(
    client_id: str, shard: int, own_wire: Wire, start_worker: StartWorker
) -> None:
    ready = await start_worker("--shards", "16").ready()
    assert ready["shards"] == "16"
    wire = replace(own_wire, shard=shard)
    async with wire.listen(wire.client_channel(client_id, "echo"), wire.bus_channel(client_id)) as listener:
        reply = await wire.ask(client_id, "echo", "Hello", replyTo=wire.name("reply:here"))
        heard = [await listener.next() for _ in range(4)]
    assert reply["status"] == "completed"
    assert reply in heard
    assert await wire.outbox(client_id, "echo") == [reply]
    assert len(await wire.events_of(reply["requestId"])) == 3


async def test_a_request_on_a_wrong_shard_is_told_so(own_wire: Wire, start_worker: StartWorker) -> None:
    await start_worker("--shards", "4").ready()
    assert await own_wire.redis.hget("swarmline:meta", "shards") == b"4"
    for number in range(8):
        client_id = f"client-{number}"
        right = crc32(client_id.encode()) % 4
        wrong = replace(own_wire, shard=(right + 1) % 4)
        async with wrong.listen(wrong.client_channel(client_id, "echo")) as listener:
            reply = await wrong.ask(client_id, "echo", "Hello")
            assert await listener.next() == reply
        assert (reply["status"], reply["error"]["code"]) == ("failed", "bad_shard")
        assert str(right) in reply["error"]["message"]
        letter = await wrong.dead_letter(reply["requestId"])
        assert (letter["reason"], letter["orig.clientId"]) == ("bad_shard", client_id)
        assert (await replace(own_wire, shard=right).ask(client_id, "echo", "Hello"))["status"] == "completed"


async def test_two_namespaces_share_a_server_and_nothing_else(own_wire: Wire, start_worker: StartWorker) -> None:
    blue, green = replace(own_wire, namespace="blue"), replace(own_wire, namespace="green.v2")
    for wire in (blue, green):
        await start_worker("--namespace", wire.namespace).ready()
    for wire in (blue, green):
        assert (await wire.ask("alice", "support", "count", requestId="r-1"))["output"] == "counted 1"
    assert (await blue.ask("alice", "support", "count"))["output"] == "counted 2"
    assert [item["output"] for item in await green.outbox("alice", "support")] == ["counted 1"]
    keys = {key.decode().partition(":")[0] async for key in own_wire.redis.scan_iter()}
    assert keys == {"blue", "green.v2"}


async def test_settings_may_come_from_the_environment(own_wire: Wire, start_worker: StartWorker) -> None:
    ready = await start_worker(
        SWARMLINE_NAMESPACE="blue", SWARMLINE_SHARDS="2", SWARMLINE_RESULT_TTL_S="77", SWARMLINE_BODY_MAX_BYTES="1024"
    ).ready()
    assert ready["shards"] == "2"
    wire = replace(own_wire, namespace="blue", shard=crc32(b"alice") % 2)
    reply = await wire.ask("alice", "echo", "Hello")
    assert 70 < await wire.redis.ttl(wire.name(f"result:{reply['requestId']}")) <= 77
    assert (await wire.ask("alice", "echo", "x" * 1024))["error"]["code"] == "bad_request"
