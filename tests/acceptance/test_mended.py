"""A key of a session that somebody overwrote stops that session alone, and mending the key is all there is to do."""

import pytest

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire
from tests.helpers.eventually import eventually


async def mend(wire: Wire, name: str, client_id: str) -> None:
    """Do what an operator is told to do, once the session was set aside."""
    sid, delayed = f"support:{client_id}", wire.name("delayed")
    await eventually(lambda: wire.redis.zscore(delayed, sid))
    await wire.redis.delete(wire.name(f"{name}:{sid}"))
    await wire.redis.zadd(delayed, {sid: 0}, xx=True)


@pytest.mark.parametrize("name", ["outbox", "history"])
async def test_a_turn_whose_commit_is_refused_runs_again_once_its_key_is_mended(
    wire: Wire, alice: str, backstage: Backstage, door: str, name: str
) -> None:
    running = await wire.say(alice, "support", f"wait at {door}")
    await backstage.reached(door)
    await wire.redis.set(wire.name(f"{name}:support:{alice}"), "overwritten")
    backstage.open(door)
    await mend(wire, name, alice)
    reply = await wire.reply_of(running)
    assert (reply["status"], reply["attempts"], reply["turn"]) == ("completed", 1, 1)
    assert (await wire.ask(alice, "support", "hello"))["turn"] == 2
    assert len(backstage.page(door)) == 2, "it does not run again and again meanwhile"


async def test_a_turn_whose_emit_is_refused_runs_again_once_its_key_is_mended(wire: Wire, alice: str) -> None:
    assert (await wire.ask(alice, "support", "hello"))["status"] == "completed"
    await wire.redis.delete(wire.name(f"outbox:support:{alice}"))
    await wire.redis.set(wire.name(f"outbox:support:{alice}"), "overwritten")
    running = await wire.say(alice, "support", "tell one two")
    await mend(wire, "outbox", alice)
    assert (await wire.reply_of(running))["status"] == "completed"
    assert [item.get("data") for item in await wire.outbox(alice, "support")] == ["one", "two", None]
