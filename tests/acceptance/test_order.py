"""Requests of one session run one at a time, in the order in which Redis accepted them, whichever worker runs them."""

from collections import defaultdict

from tests.acceptance.backstage import Backstage
from tests.acceptance.conftest import StartWorker
from tests.acceptance.wire import PATIENCE_S, Wire, new_id
from tests.helpers.eventually import eventually

SESSIONS = 50
REQUESTS = 20


async def test_sessions_keep_their_order_over_two_workers(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage
) -> None:
    workers = [start_worker("--slots", "10") for _ in range(2)]
    for worker in workers:
        await worker.ready()
    # round after round, so that the sessions are thoroughly mixed in the stream
    pushed = [(f"client-{client}", str(number)) for number in range(REQUESTS) for client in range(SESSIONS)]
    ids = [new_id() for _ in pushed]
    async with own_wire.redis.pipeline(transaction=False) as pipe:
        for request_id, (client_id, message) in zip(ids, pushed, strict=True):
            fields = {"v": 1, "requestId": request_id, "clientId": client_id, "swarmName": "ledger", "kind": "execute"}
            pipe.xadd(own_wire.name("requests"), fields | {"body": f'{{"message":"{message}"}}'})
        await pipe.execute()
    last_of_each = ids[-SESSIONS:]
    for request_id in last_of_each:
        await own_wire.reply_of(request_id)
    replies = [await own_wire.reply_of(request_id) for request_id in ids]

    assert {reply["status"] for reply in replies} == {"completed"}
    assert [reply["turn"] for reply in replies] == [int(message) + 1 for _, message in pushed]
    # each turn saw everything that was said before it in its session, and nothing else
    assert [reply["output"] for reply in replies] == [f"{int(message) + 1} 0-{message}" for _, message in pushed]
    assert {reply["attempts"] for reply in replies} == {1}

    ledger = [line.split() for line in backstage.page("ledger")]
    by_session: dict[str, list[str]] = defaultdict(list)
    for verb, client_id, message, _ in ledger:
        by_session[client_id].append(f"{verb} {message}")
    alone = [f"{verb} {number}" for number in range(REQUESTS) for verb in ("begin", "end")]
    assert by_session == {f"client-{client}": alone for client in range(SESSIONS)}
    assert {int(pid) for *_, pid in ledger} == {worker.pid for worker in workers}


async def test_the_replies_of_a_session_come_in_order_on_its_channel(wire: Wire, alice: str) -> None:
    async with wire.listen(wire.client_channel(alice, "echo")) as listener:
        ids = [await wire.say(alice, "echo", f"message {number}") for number in range(40)]
        heard = await listener.until_reply(ids[-1])
    assert [item["requestId"] for item in heard] == ids
    numbers = [item["seq"] for item in heard]
    assert numbers == sorted(set(numbers))
    assert await wire.outbox(alice, "echo") == heard


async def test_a_session_that_waits_delays_no_other_one(
    wire: Wire, backstage: Backstage, alice: str, door: str
) -> None:
    slow = await wire.say(alice, "support", f"wait at {door}")
    behind = await wire.say(alice, "support", "Hello")
    await backstage.reached(door)
    bob = alice.replace("alice", "bob")
    assert (await wire.ask(bob, "support", "Hello"))["status"] == "completed"
    for request_id in (slow, behind):
        assert (await wire.accepted(request_id))["status"] == "accepted"
    backstage.open(door)
    assert (await wire.reply_of(behind))["turn"] == 2


async def test_a_worker_takes_no_more_sessions_than_it_has_slots(
    own_wire: Wire, start_worker: StartWorker, backstage: Backstage, door: str
) -> None:
    await start_worker("--slots", "1").ready()
    first = await own_wire.say("alice", "support", f"wait at {door}-1")
    await backstage.reached(f"{door}-1")
    second = await own_wire.say("bob", "support", f"wait at {door}-2")
    # admitted although every slot is taken, but not begun
    assert (await own_wire.accepted(second))["status"] == "accepted"
    other = start_worker("--slots", "1")
    await other.ready()
    assert await backstage.reached(f"{door}-2") == other.pid
    for number in (1, 2):
        backstage.open(f"{door}-{number}")
    for request_id in (first, second):
        assert (await own_wire.reply_of(request_id))["attempts"] == 1


async def test_requests_pushed_before_any_worker_started_are_served(own_wire: Wire, start_worker: StartWorker) -> None:
    early = [await own_wire.say("alice", "echo", "first"), await own_wire.say("alice", "echo", "second")]
    await start_worker().ready()
    assert [(await own_wire.reply_of(request_id))["turn"] for request_id in early] == [1, 2]


async def test_the_stream_is_left_empty_of_what_was_admitted(own_wire: Wire, start_worker: StartWorker) -> None:
    await start_worker().ready()
    for number in range(300):
        await own_wire.say(f"client-{number}", "echo", "Hello")

    async def lag() -> int | None:
        groups = await own_wire.redis.xinfo_groups(own_wire.name("requests"))
        return next(group["lag"] for group in groups if group["name"] == b"admission")

    async def is_admitted() -> bool:
        return await lag() == 0

    # what autoscalers look at: exact, and never unknown
    await eventually(is_admitted, within_s=PATIENCE_S)
