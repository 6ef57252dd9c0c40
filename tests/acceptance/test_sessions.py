"""A session is one client in one swarm: its history and state go on over turns, workers and scripts of the world."""

import pytest

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import Wire


async def test_history_and_state_go_on_over_turns(wire: Wire, alice: str) -> None:
    outputs = [(await wire.ask(alice, "support", "count"))["output"] for _ in range(5)]
    assert outputs == [f"counted {number}" for number in range(1, 6)]
    lines = (await wire.ask(alice, "support", "recall"))["output"].splitlines()
    assert lines[-1] == "user: recall"
    assert "user: count" in lines


async def test_a_session_goes_on_in_another_worker(own_wire: Wire, start_worker: StartWorker) -> None:
    first = start_worker()
    await first.ready()
    await own_wire.do("alice", "support", "change-agent", {"agentName": "sales"})
    assert (await own_wire.ask("alice", "support", "count"))["output"] == "counted 1"
    first.kill()
    await start_worker().ready()
    reply = await own_wire.ask("alice", "support", "count")
    assert (reply["output"], reply["turn"], reply["agentName"]) == ("counted 2", 3, "sales")
    recalled = (await own_wire.ask("alice", "support", "recall"))["output"].splitlines()
    assert [line for line in recalled if line.startswith("assistant: counted")] == [
        "assistant: counted 1",
        "assistant: counted 2",
    ]


async def test_a_client_has_a_session_of_its_own_in_each_swarm(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    other = await wire.ask(alice, "guarded", "count")
    assert (other["output"], other["turn"]) == ("counted 1", 1)
    backstage.open(door)
    await wire.reply_of(running)
    assert (await wire.ask(alice, "support", "count"))["output"] == "counted 1"
    assert "count" not in (await wire.ask(alice, "observed", "recall"))["output"]
    assert {item["swarmName"] for item in await wire.outbox(alice, "guarded")} == {"guarded"}


@pytest.mark.parametrize(
    "name",
    ["клиент-7", "客户", "عميل", "🐝" * 10, "Zoë:O'Neil", 'quo"ted', "a" * 90, "%s$1", "user@example.com", "ä/../b"],
)
async def test_a_client_may_be_called_what_it_likes(name: str, wire: Wire, alice: str) -> None:
    client_id = f"{name}-{alice}"
    async with wire.listen(wire.client_channel(client_id, "support"), wire.bus_channel(client_id)) as listener:
        reply = await wire.ask(client_id, "support", "count")
        heard = [await listener.next() for _ in range(5)]
    assert (reply["status"], reply["output"], reply["clientId"]) == ("completed", "counted 1", client_id)
    assert {item["clientId"] for item in heard} == {client_id}
    assert reply in heard
    assert (await wire.ask(client_id, "support", "count"))["output"] == "counted 2"


async def test_a_client_id_may_have_128_characters_of_any_width(wire: Wire, alice: str) -> None:
    client_id = alice + "ß" * (128 - len(alice))
    assert (await wire.ask(client_id, "echo", "Hello"))["status"] == "completed"


async def test_names_that_only_look_alike_are_different_sessions(wire: Wire, alice: str) -> None:
    for client_id in (f"{alice}-é", f"{alice}-e\u0301", f"{alice}-É"):
        assert (await wire.ask(client_id, "support", "count"))["output"] == "counted 1"
