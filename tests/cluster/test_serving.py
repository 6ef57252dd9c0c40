"""A namespace of several shards on the nodes of a Redis Cluster does what it does on a single server."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from producers import InvalidRequest, Producer
from schemas.keyspace import ShardKeys
from schemas.names import shard_of
from tests.acceptance.wire import Wire
from tests.cluster.conftest import SHARDS, House, StartWorker, client_of
from tests.helpers.cluster import Cluster
from tests.helpers.eventually import eventually, eventually_sync
from worker.cli.app import app


async def test_the_shards_live_on_all_nodes(house: House, wires: list[Wire]) -> None:
    ports = {wire.redis.connection_pool.connection_kwargs["port"] for wire in wires}
    assert ports == {node.server.port for node in house.cluster.masters}


async def test_plain_entries_are_answered_in_order_whatever_node_one_listens_at(wires: list[Wire]) -> None:
    async def talk(wire: Wire, elsewhere: Wire) -> None:
        client_id = client_of(wire.shard, "orderly")
        bus, own = wire.bus_channel(client_id), wire.client_channel(client_id, "ledger")
        async with elsewhere.listen(bus) as heard, elsewhere.listen(own) as replies:
            ids = [await wire.say(client_id, "ledger", f"m{number}") for number in range(8)]
            answered = [item for item in await replies.until_reply(ids[-1]) if item["type"] == "reply"]
            ended = [item for item in await heard.until_end(ids[-1]) if item["type"] == "commit-execution-end"]
        assert [reply["requestId"] for reply in answered] == [event["requestId"] for event in ended] == ids
        assert [reply["output"] for reply in answered] == [f"{number + 1} m0-m{number}" for number in range(8)]
        assert [await wire.reply_of(request_id) for request_id in ids] == answered

    await asyncio.gather(*(talk(wire, wires[shard - 1]) for shard, wire in enumerate(wires)))


async def test_a_producer_reaches_all_shards_and_its_replies_come_back(house: House, wires: list[Wire]) -> None:
    clients = [client_of(wire.shard, "caller") for wire in wires] * 25
    async with Producer(house.cluster.url) as producer, producer.events() as events:
        replies = await asyncio.gather(*(producer.execute(client, "support", "count") for client in clients))
        for shard, client in enumerate(clients[:SHARDS]):
            outputs = [reply.output for reply in replies[shard::SHARDS]]
            assert sorted(outputs) == sorted(f"counted {number}" for number in range(1, 26))
            followed = producer.stream(client, "support")
            assert [(await anext(followed)).type for _ in range(25)] == ["reply"] * 25
        assert await producer.result(replies[1].request_id) == replies[1]
        assert (await anext(events)).client_id in clients


async def test_sessions_share_a_state_that_lives_in_the_shard_of_its_name(wires: list[Wire]) -> None:
    home = shard_of("shared", SHARDS)
    outputs = [
        (await wire.ask(client_of(wire.shard, "sharer"), "common", "share 2"))["output"]
        for wire in (*wires[home:], *wires[:home])
    ]
    assert outputs == ["shared 2", "shared 4", "shared 6", "shared 8"]


async def test_disposal_leaves_nothing_whether_asked_for_or_due(wires: list[Wire]) -> None:
    async def end(wire: Wire) -> None:
        client_id = client_of(wire.shard, "leaver")
        await wire.ask(client_id, "support", "count")
        await wire.ask(client_id, "brief", "count")
        assert (await wire.do(client_id, "support", "dispose"))["status"] == "completed"

        async def is_gone() -> bool:
            kept = [key for key in await wire.keys_of(client_id) if ":result:" not in key]
            assert not kept, kept
            return True

        await eventually(is_gone, within_s=15)

    await asyncio.gather(*map(end, wires))


async def test_what_is_kept_for_later_has_a_single_server_of_its_own(house: House) -> None:
    async with Producer(house.cluster.url, arq_url=house.books.url) as producer:
        kept = [await producer.send_later(f"late-{n}", "echo", "execute", message="Hi", defer_by=0) for n in range(4)]
        assert {(await producer.result(one)).output for one in kept} == {"You said: Hi"}
        exported = await producer.export_session("late-0", "echo")
    assert exported is not None
    async with Producer(house.cluster.url) as producer:
        with pytest.raises(InvalidRequest, match="arq_url"):
            await producer.send_later("late-0", "echo", "execute", message="Hi", defer_by=0)


async def test_a_worker_asks_for_a_server_for_its_housekeeping(cluster: Cluster, start_worker: StartWorker) -> None:
    refused = start_worker(cluster, SWARMLINE_HOUSEKEEPING="true")
    assert await refused.ended() == 78
    assert "SWARMLINE_ARQ_REDIS_URL" in refused.stderr
    assert "SWARMLINE_HOUSEKEEPING=false" in refused.stderr


def test_the_command_line_looks_at_all_shards(house: House) -> None:
    def told(*arguments: str) -> str:
        ended = CliRunner().invoke(app, arguments, env=dict(house.environment))
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    clients = [client_of(shard, "watched") for shard in range(SHARDS)]
    for client in clients:
        assert told("send", client, "echo", "Hi", "--wait") == "You said: Hi\n"
        told("bans", "add", client, "guarded", "polite")
    sessions = json.loads(told("sessions", "ls", "--swarm", "echo", "--json"))
    assert {session["client"] for session in sessions} >= set(clients)
    assert json.loads(told("sessions", "show", clients[1], "echo", "--json"))["turn"] == 1
    assert {ban["client"] for ban in json.loads(told("bans", "ls", "--json"))} == set(clients)
    assert [queue["workers"] for queue in json.loads(told("queues", "--json"))] == [2] * SHARDS
    assert [worker["shards"] for worker in json.loads(told("workers", "ls", "--json"))] == [SHARDS] * 2
    for shard in range(SHARDS):
        keys = ShardKeys("swarmline", shard)
        house.cluster.node_of(keys).client.xadd(keys.requests, {"rubbish": "yes"})
    letters = eventually_sync(lambda: _if_all(json.loads(told("dead", "ls", "--json"))), within_s=10)
    assert {letter["id"].partition("/")[0] for letter in letters} == {"0", "1", "2", "3"}
    assert told("dead", "drop", "--all", "--yes") == "4 dropped\n"
    assert "3 nodes of a Redis Cluster serve 4 shards" in told("doctor")
    assert told("check", "--redis-url", house.cluster.url).startswith("2 workers live")
    for client in clients:
        told("bans", "remove", client, "guarded", "polite")
        told("sessions", "dispose", client, "guarded")


def _if_all(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return one row of each shard, none as long as one is missing."""
    return rows if len(rows) == SHARDS else []
